package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// The names of the two stacks: one for stackctl, one for `docker stack deploy`.
const (
	ours   = "bench"
	theirs = "benchdocker"
)

// services are the services of the stack file. The first one is the one that changes.
var services = []string{"api", "worker", "mail"}

// file is a stack file with the first count services, each updated start-first as in the
// shipped stack file. Value is a variable of the first service.
func (b *bench) file(count, value int) string {
	var text strings.Builder
	text.WriteString("services:\n")
	for _, name := range services[:count] {
		fmt.Fprintf(&text, `  %s:
    image: %s
    networks: [net]
    environment: {BENCH: "%d"}
    stop_grace_period: 5s
    healthcheck: {test: ["CMD", "/aver-api", "healthcheck"], interval: 2s, start_period: 10s, start_interval: 1s}
    deploy:
      replicas: 2
      update_config: {order: start-first, parallelism: 1, monitor: 5s, failure_action: rollback}
      resources: {limits: {memory: 64M}}
`, name, b.image, value)
		value = 0
	}
	text.WriteString("networks: {net: {}}\n")
	return text.String()
}

// write puts the stack file where stackctl and `docker stack deploy` both find it.
func (b *bench) write(ctx context.Context, count, value int) error {
	_, err := b.node.text(ctx, "cat > /tmp/bench.yml <<'EOF'\n"+b.file(count, value)+"EOF")
	return err
}

// deployments measures stackctl and `docker stack deploy` side by side, with one service:
// the first deployment, an unchanged one, and a changed one.
func (b *bench) deployments(ctx context.Context) error {
	mine := "stackctl deploy " + ours + " /tmp/bench.yml"
	dockers := "docker stack deploy --with-registry-auth --detach=false -c /tmp/bench.yml " + theirs
	took := map[string][]float64{}
	value := 0
	measure := func(what, line string) error {
		s, err := b.node.seconds(ctx, line)
		took[what] = append(took[what], s)
		fmt.Fprintf(os.Stderr, "%-40s %6.2f s\n", what, s)
		return err
	}
	both := func(what string) error {
		if err := b.write(ctx, 1, value); err != nil {
			return err
		}
		if err := measure(what+", stackctl", mine); err != nil {
			return err
		}
		return measure(what+", docker", dockers)
	}
	if err := both("first"); err != nil {
		return err
	}
	for range b.runs {
		if err := both("unchanged"); err != nil {
			return err
		}
		value++
		if err := both("changed"); err != nil {
			return err
		}
		if err := measure("status", "stackctl status "+ours+" --json"); err != nil {
			return err
		}
	}
	b.noteDeployments(took)
	return nil
}

// noteDeployments adds the times of the deployments to the table.
func (b *bench) noteDeployments(took map[string][]float64) {
	var ratios []float64
	for i, s := range took["changed, stackctl"] {
		ratios = append(ratios, s/took["changed, docker"][i])
	}
	b.note("unchanged stack, stackctl deploy", "s", 0.5, took["unchanged, stackctl"]...)
	b.note("  docker stack deploy --detach=false", "s", 0, took["unchanged, docker"]...)
	b.note("changed service, stackctl deploy", "s", 0, took["changed, stackctl"]...)
	b.note("  docker stack deploy --detach=false", "s", 0, took["changed, docker"]...)
	b.note("  stackctl to docker", "ratio", 1.1, ratios...)
	b.note("stackctl status --json", "s", 0.05, took["status"]...)
}
