package main

import (
	"context"
	"fmt"
	"time"
)

// idle measures what the agent and Docker cost on a manager where nothing happens, and
// how much memory the agent has.
func (b *bench) idle(ctx context.Context, length time.Duration) error {
	var agent, docker, memory float64
	out, err := b.node.text(ctx, fmt.Sprintf(`
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
agent=$(systemctl show stackctl-agent --property MainPID --value)
docker=$(systemctl show docker --property MainPID --value)
a=$(ticks "$agent"); d=$(ticks "$docker")
sleep %d
awk -v a="$a" -v a2="$(ticks "$agent")" -v d="$d" -v d2="$(ticks "$docker")" -v hz="$(getconf CLK_TCK)" \
  '/^VmRSS/ { print (a2 - a) / hz, (d2 - d) / hz, $2 / 1024 }' "/proc/$agent/status"`, int(length.Seconds())))
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(out, &agent, &docker, &memory); err != nil {
		return fmt.Errorf("%q: %w", out, err)
	}
	minutes := length.Minutes()
	b.note("idle agent, CPU-seconds a minute", "s", 0.5, agent/minutes)
	b.note("  dockerd meanwhile", "s", 0, docker/minutes)
	b.note("  memory of the agent", "MiB", 40, memory)
	return nil
}
