package plugin

import (
	"context"
	"fmt"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type loggerKey struct{}

// logger sends lines to the engine on behalf of one resource.
type logger struct {
	engine pulumirpc.EngineClient
	urn    resource.URN
}

// Info prints a line under the resource that ctx belongs to.
func Info(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_INFO, false, text) }

// Debug prints a line that shows with `pulumi up --debug` only.
func Debug(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_DEBUG, false, text) }

// Warn prints a warning under the resource that ctx belongs to.
func Warn(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_WARNING, false, text) }

// Status shows a line beside the resource until the next one comes.
func Status(ctx context.Context, text string) { send(ctx, pulumirpc.LogSeverity_INFO, true, text) }

// send never fails an operation: a lost line is not worth a lost resource.
func send(ctx context.Context, severity pulumirpc.LogSeverity, ephemeral bool, text string) {
	l, ok := ctx.Value(loggerKey{}).(logger)
	if !ok || l.engine == nil {
		return
	}
	_, _ = l.engine.Log(ctx, &pulumirpc.LogRequest{
		Severity: severity, Message: text, Urn: string(l.urn), Ephemeral: ephemeral,
	})
}

// link is the connection back to the engine. Each `pulumi` run is a new engine
// with a new address; the plugin outlives them all.
type link struct {
	mu      sync.Mutex
	address string
	conn    *grpc.ClientConn
	cancel  chan struct{} // closed when the engine asks to stop
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
	l.address, l.conn, l.cancel = address, conn, make(chan struct{})
	return nil
}

// interrupt stops what is under way for the current engine.
func (l *link) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		close(l.cancel)
	}
	l.cancel = make(chan struct{})
}

// operation is the context of one call: it logs under urn and ends when the
// engine asks for it.
func (l *link) operation(ctx context.Context, urn resource.URN) (context.Context, context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel == nil {
		l.cancel = make(chan struct{})
	}
	entry, stop := logger{urn: urn}, l.cancel
	if l.conn != nil {
		entry.engine = pulumirpc.NewEngineClient(l.conn)
	}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, loggerKey{}, entry))
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
