// Command aver-api is the sample service of the three-repository delivery
// system: a small HTTP API that says who it is, sends a message through
// RabbitMQ and back, and writes log events to Seq.
//
// "aver-api healthcheck" asks a running instance whether it is healthy; the
// image has no shell and no curl, so the binary is its own health check.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker: the short SHA of the commit in the pipeline, a
// digest of the sources elsewhere.
var version = "dev"

const (
	// drainTime is how long the server keeps answering after SIGTERM, so that
	// every load balancer has seen the failing health check before a
	// connection is refused.
	drainTime = 3 * time.Second
	// closeTime bounds the requests that are still under way after that.
	closeTime = 5 * time.Second
)

func main() {
	cfg := loadConfig(os.Getenv)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := command(ctx, cfg, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "aver-api:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, cfg config, args []string) error {
	switch {
	case len(args) == 0:
		listener, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
		return serve(ctx, cfg, listener, drainTime)
	case len(args) == 1 && args[0] == "healthcheck":
		return healthcheck(ctx, cfg.Listen)
	default:
		return fmt.Errorf("unknown arguments %q: use none, or healthcheck", args)
	}
}

// serve answers until ctx ends, then drains: /healthz turns 503 at once while
// everything else is still answered for the given time.
func serve(ctx context.Context, cfg config, listener net.Listener, drain time.Duration) error {
	broker := newBroker(cfg.AMQPURL)
	defer broker.close()
	seq := newSeq(cfg.SeqURL)
	a := &api{config: cfg, broker: broker, seq: seq, host: hostname(), version: version}
	server := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       30 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	slog.Info("serving", "address", listener.Addr().String(), "version", version)
	seq.start(event{"Message": "aver-api {Version} started on {Host}", "Version": version, "Host": a.host})
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	slog.Info("draining", "for", drain.String())
	a.draining.Store(true)
	time.Sleep(drain)
	last, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := server.Shutdown(last); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("shut down: requests still open after %s: %w", closeTime, err)
	}
	seq.stop(last)
	return nil
}

// healthcheck asks the instance in the same container for its health.
func healthcheck(ctx context.Context, listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("health check: listen address %q: %w", listen, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health check: status %s", response.Status)
	}
	return nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
