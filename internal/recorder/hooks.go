package recorder

import (
	"context"
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// mostRetries is the engine's own limit.
const mostRetries = 100

// RegisterErrorHook keeps a hook that is called when an operation fails. As in the engine,
// a name belongs to one hook.
func (m *monitor) RegisterErrorHook(_ context.Context, in *pulumirpc.RegisterErrorHookRequest) (*emptypb.Empty, error) {
	r := m.recorder
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if in.GetName() == "" || r.hooks[in.GetName()] != nil {
		return nil, status.Errorf(codes.AlreadyExists, "resource hook already registered for name %q", in.GetName())
	}
	r.hooks[in.GetName()] = in.GetCallback()
	return &emptypb.Empty{}, nil
}

// RegisterResourceHook notes a hook. The recorder never calls it, since it only creates
// resources.
func (m *monitor) RegisterResourceHook(_ context.Context, in *pulumirpc.RegisterResourceHookRequest) (*emptypb.Empty, error) {
	return m.RegisterErrorHook(context.Background(), &pulumirpc.RegisterErrorHookRequest{Name: in.GetName(), Callback: in.GetCallback()})
}

// create fails as often as the recorder was told to. As the engine does, it asks the
// resource's hooks after each failure whether to try again.
func (r *Recorder) create(ctx context.Context, res *Resource) error {
	if res.Type != r.Fail || r.FailOn != "" && res.Name != r.FailOn {
		return nil
	}
	var failures []string
	for r.FailTimes == 0 || len(failures) < r.FailTimes {
		message := r.FailWith
		if message == "" {
			message = fmt.Sprintf("%s %s: made to fail", res.Type, res.Name)
		}
		failures = append([]string{message}, failures...)
		again, err := r.ask(ctx, res, failures)
		if err != nil {
			return err
		}
		if !again || len(failures) == mostRetries {
			return status.Error(codes.Unknown, message)
		}
	}
	return nil
}

// ask calls all error hooks of a resource. There is another try if at least one of them
// wants it.
func (r *Recorder) ask(ctx context.Context, res *Resource, failures []string) (again bool, err error) {
	request, err := proto.Marshal(&pulumirpc.ErrorHookRequest{
		Urn: res.URN, Name: res.Name, Type: res.Type, NewInputs: res.Request.GetObject(),
		FailedOperation: "create", Errors: failures,
	})
	if err != nil {
		return false, err
	}
	for _, name := range res.Request.GetHooks().GetOnError() {
		r.mutex.Lock()
		hook := r.hooks[name]
		r.mutex.Unlock()
		if hook == nil {
			return false, status.Errorf(codes.NotFound, "error hook %q was not registered", name)
		}
		answer, err := call(ctx, hook, request)
		if err != nil {
			return false, fmt.Errorf("error hook %q failed: %w", name, err)
		}
		again = again || answer
	}
	return again, nil
}

// call calls a hook of the program.
func call(ctx context.Context, hook *pulumirpc.Callback, request []byte) (again bool, err error) {
	connection, err := grpc.NewClient(hook.GetTarget(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return false, err
	}
	defer connection.Close()
	response, err := pulumirpc.NewCallbacksClient(connection).Invoke(ctx,
		&pulumirpc.CallbackInvokeRequest{Token: hook.GetToken(), Request: request})
	if err != nil {
		return false, err
	}
	var answer pulumirpc.ErrorHookResponse
	if err := proto.Unmarshal(response.GetResponse(), &answer); err != nil {
		return false, err
	}
	if answer.GetError() != "" {
		return false, status.Error(codes.Unknown, answer.GetError())
	}
	return answer.GetRetry(), nil
}
