// Command agent runs in every node of the sandbox.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"averazure/sandbox/standin/internal/mesh"
)

func main() {
	log.SetFlags(0) // the journal has the time
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go live(ctx)
	agent := mesh.Agent{Socket: "/run/docker.sock", Share: "/var/lib/averazure-mesh", IPVS: "/proc/net/ip_vs"}
	agent.Run(ctx)
}

// live touches a file of the machine's own every second, so that the balancer can
// tell a frozen machine: a paused container's kernel goes on answering for it.
func live(ctx context.Context) {
	id, err := os.ReadFile("/etc/averazure/vm")
	if err != nil {
		return // a machine of an older sandbox, whose word nobody waits for
	}
	file := filepath.Join("/var/lib/averazure-mesh/alive", strings.TrimSpace(string(id)))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
		log.Print(err)
	}
	for ctx.Err() == nil {
		now := time.Now()
		os.Chtimes(file, now, now)
		time.Sleep(time.Second)
	}
}
