package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
)

type callKey struct{}

// call is the engine's call that a context belongs to.
type call struct {
	engine  pulumirpc.EngineClient
	urn     resource.URN
	request context.Context
}

// Abandoned is closed when the engine was killed and nobody waits for the result. A first
// Ctrl-C only cancels ctx. Work that Ctrl-C must not interrupt waits for Abandoned.
func Abandoned(ctx context.Context) <-chan struct{} {
	if c, ok := ctx.Value(callKey{}).(call); ok {
		return c.request.Done()
	}
	return ctx.Done()
}

// Info prints a line under the resource that ctx belongs to.
func Info(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_INFO, false, text) }

// Warn prints a warning under the resource that ctx belongs to.
func Warn(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_WARNING, false, text) }

// Error prints an error; it fails the run even if the operation succeeds.
func Error(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_ERROR, false, text) }

// Status shows a line beside the resource until the next one comes.
func Status(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_INFO, true, text) }

// send ignores errors: a lost line must not fail an operation.
func send(ctx context.Context, severity pulumirpc.LogSeverity, ephemeral bool, text string) {
	c, ok := ctx.Value(callKey{}).(call)
	if !ok || c.engine == nil {
		return
	}
	_, _ = c.engine.Log(c.request, &pulumirpc.LogRequest{
		Severity: severity, Message: text, Urn: string(c.urn), Ephemeral: ephemeral,
	})
}

// link is the connection back to the engine. Each `pulumi` run is a new engine with a new
// address; the plugin serves all of them.
type link struct {
	mu      sync.Mutex
	address string
	conn    *grpc.ClientConn
	// stops has a channel for each connection, which is closed when the engine asks on that
	// connection to stop. An engine does so on each connection that it closes, while its
	// other connections keep working.
	stops map[string]chan struct{}
}

func (l *link) attach(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if address == l.address {
		return nil
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("attach to the engine at %s: %w", address, err)
	}
	if l.conn != nil {
		l.conn.Close()
	}
	l.address, l.conn = address, conn
	return nil
}

// interrupt stops the running operations of the connection that ctx came by.
func (l *link) interrupt(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stop, ok := l.stops[connection(ctx)]; ok {
		close(stop)
		delete(l.stops, connection(ctx))
	}
}

// end stops all running operations.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stop := range l.stops {
		close(stop)
	}
	clear(l.stops)
}

// connection names the connection that a call came by.
func connection(ctx context.Context) string {
	if from, ok := peer.FromContext(ctx); ok {
		return from.Addr.String()
	}
	return ""
}

// operation is the context of one call. It logs under urn, and it ends when the engine
// asks for it or after timeout seconds (0: no limit).
func (l *link) operation(request context.Context, urn resource.URN, timeout float64) (context.Context, context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stop, ok := l.stops[connection(request)]
	if !ok {
		stop = make(chan struct{})
		if l.stops == nil {
			l.stops = map[string]chan struct{}{}
		}
		l.stops[connection(request)] = stop
	}
	call := call{urn: urn, request: request}
	if l.conn != nil {
		call.engine = pulumirpc.NewEngineClient(l.conn)
	}
	ctx, cancel := context.WithCancel(context.WithValue(request, callKey{}, call))
	if timeout > 0 {
		limited, release := context.WithTimeout(ctx, time.Duration(timeout*float64(time.Second)))
		ctx, cancel = limited, both(cancel, release)
	}
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func both(a, b context.CancelFunc) context.CancelFunc { return func() { a(); b() } }
