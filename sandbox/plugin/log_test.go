package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"averazure/sandbox/plugin/plugintest"
)

func TestCancelEndsTheContextButDoesNotAbandon(t *testing.T) {
	started := make(chan struct{})
	c := client(t, thing(Type{Create: func(ctx context.Context, _ resource.URN, _ resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
		close(started)
		<-ctx.Done()
		select {
		case <-Abandoned(ctx):
			return "", nil, errors.New("abandoned")
		default:
			return "", nil, errors.New("interrupted")
		}
	}}))
	go func() {
		<-started
		c.Cancel(context.Background(), &emptypb.Empty{})
	}()
	_, err := c.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn})
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("err = %v", err)
	}
}

// An engine closes the connection of its preview while its update is running. This must not
// stop the update.
func TestCancelOfAnotherConnectionEndsNothing(t *testing.T) {
	started, cancelled := make(chan struct{}), make(chan struct{})
	port, stop, err := Serve(context.Background(), thing(Type{Create: func(ctx context.Context, _ resource.URN, _ resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
		close(started)
		<-cancelled
		return "x", nil, ctx.Err()
	}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	update, preview := plugintest.Connect(t, port), plugintest.Connect(t, port)
	if _, err := update.Configure(t.Context(), &pulumirpc.ConfigureRequest{AcceptSecrets: true, AcceptResources: true}); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-started
		preview.Cancel(context.Background(), &emptypb.Empty{})
		close(cancelled)
	}()
	if _, err := update.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn}); err != nil {
		t.Error(err)
	}
}

func TestTimeoutEndsTheContext(t *testing.T) {
	c := client(t, thing(Type{Create: func(ctx context.Context, _ resource.URN, _ resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-time.After(5 * time.Second):
			return "x", nil, nil
		}
	}}))
	if _, err := c.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn, Timeout: 0.05}); err == nil {
		t.Error("the timeout did not count")
	}
}

// logs is the part of the engine that plugins call.
type logs struct {
	pulumirpc.UnimplementedEngineServer
	mu   sync.Mutex
	seen []string
}

func (l *logs) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, fmt.Sprintf("%s %v %s %s", req.GetSeverity(), req.GetEphemeral(), resource.URN(req.GetUrn()).Name(), req.GetMessage()))
	return &emptypb.Empty{}, nil
}

func TestLogLinesReachTheAttachedEngine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine, server := &logs{}, grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, engine)
	go server.Serve(listener)
	defer server.Stop()
	c := client(t, thing(Type{Create: func(ctx context.Context, _ resource.URN, _ resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
		Status(ctx, "step 1")
		Warn(ctx, "careful")
		return "x", resource.PropertyMap{}, nil
	}}))
	if _, err := c.Attach(context.Background(), &pulumirpc.PluginAttach{Address: listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn}); err != nil {
		t.Fatal(err)
	}
	engine.mu.Lock()
	defer engine.mu.Unlock()
	want := []string{"INFO true thing step 1", "WARNING false thing careful"}
	if fmt.Sprint(engine.seen) != fmt.Sprint(want) {
		t.Errorf("the engine saw %q, want %q", engine.seen, want)
	}
	Info(context.Background(), "without an engine this is dropped")
}
