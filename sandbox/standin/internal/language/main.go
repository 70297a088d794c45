// The command pulumi-language-go is a language runtime for `runtime: go` programs, for
// machines without the official one. It supports preview, up, destroy, refresh, install
// and about (github.com/pulumi/pulumi, sdk/go/pulumi-language-go/main.go). Unlike the
// official one it keeps the compiled program, so a second run without changes neither
// compiles nor links.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: pulumi-language-go: %v\n", err)
		os.Exit(1)
	}
}

// serve serves the engine until the engine ends.
func serve(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	quit := make(chan bool)
	context.AfterFunc(ctx, func() { close(quit) })
	host := &host{engine: engineAddress(args)}
	if host.engine != "" {
		if err := rpcutil.Healthcheck(ctx, host.engine, 10*time.Second, stop); err != nil {
			return fmt.Errorf("watch the engine at %s: %w", host.engine, err)
		}
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: quit,
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(s, host)
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port) // the engine reads this line
	return <-handle.Done
}

// engineAddress is the first argument that is not a flag.
func engineAddress(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}
