// Command agent runs in every node and does nothing where the kernel has IPVS.
package main

import (
	"context"
	"log"
	"os/signal"
	"syscall"

	"averazure/sandbox/standin/internal/mesh"
)

func main() {
	log.SetFlags(0) // the journal adds the time
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	agent := mesh.Agent{Socket: "/run/docker.sock", Share: "/var/lib/averazure-mesh", IPVS: "/proc/net/ip_vs"}
	agent.Run(ctx)
}
