package recorder

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// monitor is the engine's side of the conversation about resources.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	recorder *Recorder
}

// keep keeps everything that an engine would pass on.
var keep = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}

// features are what the SDK may use. Output values are left out: their
// dependencies would only clutter the recorded inputs.
var features = map[string]bool{
	"secrets": true, "resourceReferences": true, "aliasSpecs": true, "deletedWith": true, "replaceWith": true,
	"errorHooks": true, "resourceHooks": true, "parameterization": true,
}

// SupportsFeature answers the SDK's questions at the start.
func (m *monitor) SupportsFeature(_ context.Context, in *pulumirpc.SupportsFeatureRequest) (*pulumirpc.SupportsFeatureResponse, error) {
	return &pulumirpc.SupportsFeatureResponse{HasSupport: features[in.GetId()]}, nil
}

// RegisterPackage gives a package of a provider the reference by which resources
// name it. One package has one reference.
func (m *monitor) RegisterPackage(_ context.Context, in *pulumirpc.RegisterPackageRequest) (*pulumirpc.RegisterPackageResponse, error) {
	m.recorder.mutex.Lock()
	defer m.recorder.mutex.Unlock()
	ref := in.GetName() + "@" + in.GetVersion()
	if parameter := in.GetParameterization(); parameter != nil {
		ref = parameter.GetName() + "@" + parameter.GetVersion()
	}
	if before := m.recorder.packages[ref]; before != nil && !proto.Equal(before, in) {
		return nil, status.Errorf(codes.AlreadyExists, "package %s is registered twice, differently", ref)
	}
	m.recorder.packages[ref] = in
	return &pulumirpc.RegisterPackageResponse{Ref: ref}, nil
}

// RegisterResource records a resource and makes up its outputs.
func (m *monitor) RegisterResource(ctx context.Context, in *pulumirpc.RegisterResourceRequest) (*pulumirpc.RegisterResourceResponse, error) {
	r := m.recorder
	if in.GetType() == string(resource.RootStackType) {
		return &pulumirpc.RegisterResourceResponse{Urn: r.rootURN()}, nil
	}
	inputs, err := plugin.UnmarshalProperties(in.GetObject(), keep)
	if err != nil {
		return nil, err
	}
	res := &Resource{Type: in.GetType(), Name: in.GetName(), Inputs: inputs, Request: in}
	res.URN, res.ParentURN = r.urn(in)
	if err := r.findPackage(res); err != nil {
		return nil, err
	}
	if err := r.add(res); err != nil {
		return nil, err
	}
	if err := r.create(ctx, res); err != nil {
		return nil, err
	}
	id := r.answer(res)
	object, err := plugin.MarshalProperties(res.Outputs, keep)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.RegisterResourceResponse{Urn: res.URN, Id: id, Object: object}, nil
}

// findPackage looks up the package that a resource names, and refuses a type that
// the package's provider would not know.
func (r *Recorder) findPackage(res *Resource) error {
	ref := res.Request.GetPackageRef()
	if ref == "" {
		return nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	res.Package = r.packages[ref]
	if res.Package == nil {
		return status.Errorf(codes.NotFound, "%s %s: unknown provider package %q", res.Type, res.Name, ref)
	}
	name := res.Package.GetName()
	if parameter := res.Package.GetParameterization(); parameter != nil {
		name = parameter.GetName()
	}
	if !strings.HasPrefix(res.Type, name+":") {
		return status.Errorf(codes.InvalidArgument, "%s %s: is not a type of the package %s", res.Type, res.Name, name)
	}
	return nil
}

// urn forms a resource's URN as the engine does. It also returns the parent's URN, which is
// empty if the parent is the stack.
func (r *Recorder) urn(in *pulumirpc.RegisterResourceRequest) (urn, parent string) {
	var parentType tokens.Type
	if in.GetParent() != "" && in.GetParent() != r.rootURN() {
		parent = in.GetParent()
		parentType = resource.URN(parent).QualifiedType()
	}
	return string(resource.NewURN(pulumiStack(r.Stack), pulumiProject(r.Project), parentType,
		tokens.Type(in.GetType()), in.GetName())), parent
}

// add records a resource, and refuses one that is recorded already.
func (r *Recorder) add(res *Resource) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.seen[res.URN] {
		return status.Errorf(codes.AlreadyExists, "duplicate URN %s", res.URN)
	}
	r.seen[res.URN] = true
	r.resources = append(r.resources, res)
	return nil
}

// answer fills in the outputs and returns the resource's id. In a preview both stay
// unknown, as with a provider, unless the resource is unchanged.
func (r *Recorder) answer(res *Resource) string {
	left := r.unchanged(res)
	outputs := r.outputsOf(res, left)
	r.mutex.Lock()
	res.Outputs = outputs
	r.mutex.Unlock()
	if r.Preview && left == nil || !res.Request.GetCustom() {
		return ""
	}
	if id, ok := outputs["id"]; ok && id.IsString() {
		return id.StringValue()
	}
	return res.Name + "-id"
}

// outputsOf are the outputs with which a provider would answer; left are the previous
// outputs if the resource is unchanged.
func (r *Recorder) outputsOf(res *Resource, left resource.PropertyMap) resource.PropertyMap {
	if !res.Request.GetCustom() {
		return resource.PropertyMap{}
	}
	outputs := res.Inputs.Copy()
	if left != nil {
		outputs = left.Copy()
	}
	if !r.Preview {
		for key, value := range known(res) {
			outputs[key] = value
		}
		if extra, ok := r.Answers[res.Type]; ok {
			for key, value := range extra(res) {
				outputs[key] = value
			}
		}
	}
	for _, key := range res.Request.GetAdditionalSecretOutputs() {
		if value, ok := outputs[resource.PropertyKey(key)]; ok && !value.IsSecret() {
			outputs[resource.PropertyKey(key)] = resource.MakeSecret(value)
		}
	}
	return outputs
}

// unchanged are the outputs of a resource that a preview finds as the last update left it:
// a provider then has nothing to compute. It is nil for every other resource.
func (r *Recorder) unchanged(res *Resource) resource.PropertyMap {
	before, ok := r.State[resource.PropertyKey(res.URN)]
	if !r.Preview || !ok {
		return nil
	}
	left := before.ObjectValue()["outputs"].ObjectValue()
	for key, value := range res.Inputs {
		if !left[key].DeepEquals(value) {
			return nil
		}
	}
	return left
}

// RegisterResourceOutputs records a component's or the stack's outputs.
func (m *monitor) RegisterResourceOutputs(_ context.Context, in *pulumirpc.RegisterResourceOutputsRequest) (*emptypb.Empty, error) {
	outputs, err := plugin.UnmarshalProperties(in.GetOutputs(), keep)
	if err != nil {
		return nil, err
	}
	m.recorder.mutex.Lock()
	defer m.recorder.mutex.Unlock()
	m.recorder.outputs[in.GetUrn()] = outputs
	return &emptypb.Empty{}, nil
}

// Invoke answers the functions that the program calls.
func (m *monitor) Invoke(_ context.Context, in *pulumirpc.ResourceInvokeRequest) (*pulumirpc.InvokeResponse, error) {
	answer, ok := functions[in.GetTok()]
	if !ok {
		return nil, fmt.Errorf("the recorder knows no function %s", in.GetTok())
	}
	if state := m.recorder.State; state != nil && in.GetTok() == stateFunction {
		answer = resource.PropertyMap{"outputs": resource.NewProperty(state)}
	}
	result, err := plugin.MarshalProperties(answer, keep)
	return &pulumirpc.InvokeResponse{Return: result}, err
}

// SignalAndWaitForShutdown has nothing to wait for.
func (m *monitor) SignalAndWaitForShutdown(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// engine is the engine's side of everything else.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	recorder *Recorder
}

// Log records the program's messages.
func (e *engine) Log(_ context.Context, in *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.recorder.mutex.Lock()
	defer e.recorder.mutex.Unlock()
	severity := strings.ToLower(in.GetSeverity().String())
	line := severity + ": " + in.GetMessage()
	e.recorder.logs = append(e.recorder.logs, line)
	e.recorder.loggedOn[line] = in.GetUrn()
	return &emptypb.Empty{}, nil
}

// GetRootResource is the stack.
func (e *engine) GetRootResource(context.Context, *pulumirpc.GetRootResourceRequest) (*pulumirpc.GetRootResourceResponse, error) {
	return &pulumirpc.GetRootResourceResponse{Urn: e.recorder.rootURN()}, nil
}

// SetRootResource does nothing: the root is known already.
func (e *engine) SetRootResource(context.Context, *pulumirpc.SetRootResourceRequest) (*pulumirpc.SetRootResourceResponse, error) {
	return &pulumirpc.SetRootResourceResponse{}, nil
}
