// Command server runs the stand-in for Seq in its container. It listens on Seq's ports and
// keeps the events in /data.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"averazure/sandbox/standin/internal/seq"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "seq:", err)
		os.Exit(1)
	}
}

func run() error {
	// Seq does not start without this variable, and a stack file without it fails here too.
	if !strings.EqualFold(os.Getenv("ACCEPT_EULA"), "Y") {
		return errors.New("set ACCEPT_EULA=Y, without which Seq does not start")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	store, err := seq.Open("/data")
	if err != nil {
		return fmt.Errorf("open the events in /data: %w", err)
	}
	ended := make(chan error, 2)
	var servers []*http.Server
	for _, address := range []string{":80", ":5341"} {
		server := &http.Server{Addr: address, Handler: seq.Handler(store), ReadHeaderTimeout: 10 * time.Second}
		servers = append(servers, server)
		go func() { ended <- server.ListenAndServe() }()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(servers[0].Shutdown(ctx), servers[1].Shutdown(ctx))
}
