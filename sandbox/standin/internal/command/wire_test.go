package command

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// A command is recorded as requested, with its secrets in any place, so a second up of the
// same program runs nothing. The state has its secrets in the same places as the
// original's, so switching between the two plugins runs nothing either.
func TestSameProgramHasNoDifference(t *testing.T) {
	s, ctx := startServer(t), context.Background()
	port, stop, err := plugin.Serve(ctx, Plugin(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := plugintest.Connect(t, port)
	proxy := s.connection(resource.PropertyMap{"password": str("unused")})
	wanted, err := engine.MarshalProperties(resource.PropertyMap{
		// As the SDK sends it: secret as a whole, plain text inside.
		"connection": resource.MakeSecret(s.connection(resource.PropertyMap{"proxy": proxy})),
		"create":     str("cat"), "stdin": resource.MakeSecret(str("hidden")),
		"triggers": resource.NewArrayProperty([]resource.PropertyValue{str("open"), resource.MakeSecret(str("hidden"))}),
	}, engine.MarshalOptions{KeepSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	check := func(olds *structpb.Struct) *structpb.Struct {
		checked, err := c.Check(ctx, &pulumirpc.CheckRequest{Urn: string(urn), Olds: olds, News: wanted})
		if err != nil || len(checked.GetFailures()) > 0 {
			t.Fatal(checked, err)
		}
		return checked.GetInputs()
	}
	inputs := check(nil)
	made, err := c.Create(ctx, &pulumirpc.CreateRequest{Urn: string(urn), Properties: inputs})
	if err != nil {
		t.Fatal(err)
	}
	for from, properties := range map[string]*structpb.Struct{"inputs": inputs, "state": made.GetProperties()} {
		found, err := engine.UnmarshalProperties(properties, engine.MarshalOptions{KeepSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		places := secretPlaces(resource.NewProperty(found), "")
		slices.Sort(places)
		want := []string{".connection", ".connection.privateKey", ".connection.proxy.password", ".connection.proxy.privateKey", ".stdin", ".triggers[1]"}
		if !slices.Equal(places, want) {
			t.Errorf("secrets in the %s: %q, want %q", from, places, want)
		}
	}
	diff, err := c.Diff(ctx, &pulumirpc.DiffRequest{Urn: string(urn), Id: made.GetId(), OldInputs: inputs, Olds: made.GetProperties(), News: check(inputs)})
	if err != nil || diff.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("%v, %v", diff, err)
	}
}

// secretPlaces are the paths of all secrets, also of those inside secrets.
func secretPlaces(v resource.PropertyValue, path string) (places []string) {
	switch {
	case v.IsSecret():
		return append(secretPlaces(v.SecretValue().Element, path), path)
	case v.IsObject():
		for key, element := range v.ObjectValue() {
			places = append(places, secretPlaces(element, path+"."+string(key))...)
		}
	case v.IsArray():
		for i, element := range v.ArrayValue() {
			places = append(places, secretPlaces(element, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return places
}
