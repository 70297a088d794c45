package command

import (
	"context"
	"testing"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// What is recorded of a command is what is asked for, wherever a secret lies in
// it: another up of the same program runs nothing.
func TestSameProgramHasNoDifference(t *testing.T) {
	s, ctx := startServer(t), context.Background()
	port, stop, err := plugin.Serve(ctx, Plugin(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := plugintest.Connect(t, port)
	connection := s.connection(nil).ObjectValue()
	connection["privateKey"] = resource.MakeSecret(connection["privateKey"])
	wanted, err := engine.MarshalProperties(resource.PropertyMap{
		"connection": resource.NewObjectProperty(connection),
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
	diff, err := c.Diff(ctx, &pulumirpc.DiffRequest{Urn: string(urn), Id: made.GetId(), OldInputs: inputs, Olds: made.GetProperties(), News: check(inputs)})
	if err != nil || diff.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("%v, %v", diff, err)
	}
}
