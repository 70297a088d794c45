// Command server runs the sandbox's name server in its container.
package main

import (
	"context"
	"log"
	"os/signal"
	"syscall"

	"averazure/sandbox/nameserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server, err := nameserver.Listen("/var/lib/names", ":53", "/run/names")
	if err == nil {
		err = server.Serve(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
}
