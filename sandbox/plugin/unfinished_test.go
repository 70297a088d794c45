package plugin

import (
	"context"
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/status"
)

func TestUnfinishedResourceReachesTheEngine(t *testing.T) {
	c := client(t, thing(Type{Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
		return "", nil, &Unfinished{ID: "made", State: inputs, Reason: errors.New("not seen")}
	}}))
	inputs := resource.PropertyMap{"open": str("a"), "hidden": resource.MakeSecret(str("b"))}
	_, err := c.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn, Properties: pack(t, inputs)})
	for _, detail := range status.Convert(err).Details() {
		if unfinished, ok := detail.(*pulumirpc.ErrorResourceInitFailed); ok {
			state := unpack(t, unfinished.GetProperties())
			if unfinished.GetId() != "made" || unfinished.GetReasons()[0] != "not seen" || !state.DeepEquals(inputs) {
				t.Errorf("the engine gets %v with %v", unfinished, state)
			}
			return
		}
	}
	t.Errorf("error %v does not carry the resource", err)
}
