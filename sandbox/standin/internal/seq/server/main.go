// Command server is the stand-in's image: it listens where Seq does and keeps
// its events in /data.
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
	// The original starts for nobody who has not accepted its license, and a
	// stack file that forgets to should fail here too.
	if !strings.EqualFold(os.Getenv("ACCEPT_EULA"), "Y") {
		return errors.New("set ACCEPT_EULA=Y to accept the license; the original demands it")
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
