package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// crowd is the stack of many services.
const crowd = "benchmany"

// withMany measures the agent with many additional services. They have no replicas, since
// one computer cannot run so many; the agent compares each of them all the same.
func (b *bench) withMany(ctx context.Context, count int, length time.Duration) (err error) {
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range count {
		fmt.Fprintf(&text, "  s%d: {image: %q, environment: {BENCH: \"%d\"}, deploy: {replicas: 0}}\n", i, b.image, i)
	}
	defer func() {
		_, removed := b.node.text(context.WithoutCancel(ctx), "stackctl remove "+crowd+" 2>&1")
		err = errors.Join(err, removed)
	}()
	if _, err := b.node.text(ctx, "cat > /tmp/benchmany.yml <<'EOF'\n"+text.String()+"EOF\nstackctl deploy "+crowd+" /tmp/benchmany.yml 2>&1"); err != nil {
		return err
	}
	return b.idle(ctx, fmt.Sprintf("agent with %d services more", count), 2, 0, length)
}

// idle measures what the agent and Docker cost on a manager where nothing happens, and
// how much memory the agent has.
func (b *bench) idle(ctx context.Context, what string, seconds, mebibytes float64, length time.Duration) error {
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
	b.note(what+", CPU-seconds a minute", "s", seconds, agent/minutes)
	b.note("  dockerd meanwhile", "s", 0, docker/minutes)
	b.note("  memory of the agent", "MiB", mebibytes, memory)
	return nil
}
