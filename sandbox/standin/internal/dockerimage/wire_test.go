package dockerimage

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	wire "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// A password that the program does not mark as secret stays plain text, as in the
// original.
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

// Each step of a build is shown once; the progress of a push is not shown.
func TestStepsAreShownOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shown, server := &lines{}, grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, shown)
	go server.Serve(listener)
	defer server.Stop()
	e := startEngine(t)
	e.build = `{"stream":"Step 1/2 : FROM scratch\n"}{"stream":" ---> 0123\n"}{"stream":"Step 2/2 : RUN make\n"}{"stream":"cc a.c\n"}{"stream":"cc b.c\n"}`
	e.push = strings.Repeat(`{"status":"Pushing","id":"abc","progressDetail":{"current":1}}`, 20) + `{"status":"latest: digest: x"}`
	port, stop, err := plugin.Serve(t.Context(), Options{Dir: project(t, app), DockerHost: strings.Replace(e.URL, "http://", "tcp://", 1)}.Plugin())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := plugintest.Connect(t, port)
	properties, err := wire.MarshalProperties(wanted(nil), wire.MarshalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, attachErr := client.Attach(t.Context(), &pulumirpc.PluginAttach{Address: listener.Addr().String()})
	_, configureErr := client.Configure(t.Context(), &pulumirpc.ConfigureRequest{})
	_, createErr := client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: "urn:pulumi:s::p::docker:index/image:Image::i", Properties: properties})
	if err := errors.Join(attachErr, configureErr, createErr); err != nil {
		t.Fatal(err)
	}
	shown.mu.Lock()
	defer shown.mu.Unlock()
	if want := []string{"Building the image", "Step 1/2 : FROM scratch", "Step 2/2 : RUN make", "Pushing Image to the registry"}; !slices.Equal(shown.seen, want) {
		t.Errorf("shown is %q, want %q", shown.seen, want)
	}
}

// lines is the part of the engine that shows the plugins' messages.
type lines struct {
	pulumirpc.UnimplementedEngineServer
	mu   sync.Mutex
	seen []string
}

func (l *lines) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, req.GetMessage())
	return &emptypb.Empty{}, nil
}
