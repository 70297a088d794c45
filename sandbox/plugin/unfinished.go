package plugin

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
)

// Unfinished is the error of a Create that has made the resource and failed
// afterwards: the engine notes the resource, and takes the operation for failed.
type Unfinished struct {
	// ID and State are what the engine notes.
	ID    string
	State resource.PropertyMap
	// Reason is what failed.
	Reason error
}

func (u *Unfinished) Error() string { return u.Reason.Error() }

// wire is the error in the form that the engine takes the resource from.
func (u *Unfinished) wire(state resource.PropertyMap) error {
	properties, err := engine.MarshalProperties(state, engine.MarshalOptions{KeepSecrets: true, KeepUnknowns: true, KeepResources: true})
	if err != nil {
		return err
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, u.Error()),
		&pulumirpc.ErrorResourceInitFailed{Id: u.ID, Properties: properties, Reasons: []string{u.Error()}})
}
