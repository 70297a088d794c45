package dockerimage

import (
	"context"
	"testing"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	wire "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// A program that forgets to make the password a secret is found out: nothing hides
// it but what the original hides.
func TestThePasswordIsAsSecretAsTheProgramMakesIt(t *testing.T) {
	ctx, options := context.Background(), Options{Dir: project(t, app)}
	port, stop, err := plugin.Serve(ctx, options.Plugin())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := plugintest.Connect(t, port)
	for _, password := range []resource.PropertyValue{str("p"), resource.MakeSecret(str("p"))} {
		inputs := wanted(nil)
		inputs["registry"].ObjectValue()["password"] = password
		news, err := wire.MarshalProperties(inputs, wire.MarshalOptions{KeepSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		checked, err := c.Check(ctx, &pulumirpc.CheckRequest{Urn: "urn:pulumi:dev::p::" + token + "::app", News: news})
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.UnmarshalProperties(checked.GetInputs(), wire.MarshalOptions{KeepSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		if secret := got["registry"].ContainsSecrets(); secret != password.IsSecret() {
			t.Errorf("secret %v after %v", secret, password.IsSecret())
		}
	}
}
