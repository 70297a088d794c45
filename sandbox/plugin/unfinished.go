package plugin

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
)

// Unfinished is the error of a Create that created the resource and failed afterwards.
// The engine records the resource and the failure.
type Unfinished struct {
	// ID and State are what the engine records.
	ID    string
	State resource.PropertyMap
	// Reason is the failure.
	Reason error
}

func (u *Unfinished) Error() string { return u.Reason.Error() }

// wire converts the error to the engine's protocol.
func (u *Unfinished) wire(state resource.PropertyMap) error {
	properties, err := engine.MarshalProperties(state, engine.MarshalOptions{KeepSecrets: true, KeepUnknowns: true, KeepResources: true})
	if err != nil {
		return err
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, u.Error()),
		&pulumirpc.ErrorResourceInitFailed{Id: u.ID, Properties: properties, Reasons: []string{u.Error()}})
}
