package plugin

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// Serve serves p on a free port of this machine, for PULUMI_DEBUG_PROVIDERS, until stop
// is called or ctx ends. Several engines may use it.
func Serve(ctx context.Context, p *Plugin) (port int, stop func(), err error) {
	server := newProvider(p)
	quit := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel:  quit,
		Options: []grpc.ServerOption{grpc.ChainUnaryInterceptor(survive, nameProperties)},
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterResourceProviderServer(s, engine.NewProviderServer(server))
			return nil
		},
	})
	if err != nil {
		return 0, nil, fmt.Errorf("serve the %s plugin: %w", p.Name, err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			server.link.end()
			close(quit)
		})
	}
	context.AfterFunc(ctx, stop)
	go func() { <-handle.Done }() // the server blocks at its end until this is read
	return handle.Port, stop, nil
}

// survive turns a panic in one resource into that resource's error: all plugins share
// this process.
func survive(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: the plugin panicked: %v\n%s", info.FullMethod, r, debug.Stack())
		}
	}()
	return handler(ctx, req)
}

// nameProperties adds the names of the changed properties, such as rules, to the changed
// paths of a Diff, such as rules[2].port. The SDK's server sends only paths, which the
// engine compares with ReplaceOnChanges. The CLI looks for names, and would show an empty
// diff.
func nameProperties(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	if diff, ok := resp.(*pulumirpc.DiffResponse); ok && diff != nil {
		for _, path := range diff.Diffs {
			if end := strings.IndexAny(path, ".["); end > 0 {
				diff.Diffs = append(diff.Diffs, path[:end])
			}
		}
		slices.Sort(diff.Diffs)
		diff.Diffs = slices.Compact(diff.Diffs)
	}
	return resp, err
}
