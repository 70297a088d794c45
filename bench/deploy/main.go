// Command deploy compares stackctl with `docker stack deploy` on a manager of a running
// sandbox, and prints a table. The clock runs on the manager, so that the time to connect
// to it does not count. docs/performance.md has the figures of a run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	node  node
	runs  int
	image string
	out   []line
}

// line is one line of the table.
type line struct {
	what, unit string
	all        []float64
	aim        float64 // of the median; 0 is none
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := flag.String("name", "sandbox", "which sandbox")
	runs := flag.Int("runs", 5, "how often each is measured")
	idle := flag.Duration("idle", 2*time.Minute, "for how long the agent is watched; 0: not at all")
	many := flag.Int("services", 0, "with how many services more the agent is watched again, as 100; 0: not at all")
	heals := flag.Int("heals", 20, "how often something is changed by hand; 0: not at all")
	flag.Parse()
	if err := run(ctx, *name, *runs, *heals, *many, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, runs, heals, many int, idle time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "averazure-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{node: node{binary: filepath.Join(dir, "sandbox"), sandbox: name, name: "aver-manager"}, runs: runs}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.node.binary, "./sandbox").CombinedOutput(); err != nil {
		return fmt.Errorf("build the sandbox's command: %w\n%s", err, out)
	}
	if b.image, err = b.node.text(ctx, "docker service inspect aver_api --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}'"); err != nil {
		return err
	}
	b.image, _, _ = strings.Cut(b.image, "@") // use the image's tag, so that the registry is asked
	if idle > 0 {
		if err := b.idle(ctx, "idle agent", 0.5, 40, idle); err != nil {
			return err
		}
	}
	if many > 0 {
		if err := b.withMany(ctx, many, max(idle, time.Minute)); err != nil {
			return err
		}
	}
	defer func() { b.cleanUp(context.WithoutCancel(ctx)) }()
	if err := b.deployments(ctx); err != nil {
		return err
	}
	if err := b.healing(ctx, heals); err != nil {
		return err
	}
	b.print()
	return nil
}

// cleanUp removes what was deployed.
func (b *bench) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if _, err := b.node.text(ctx, "stackctl remove "+ours+" 2>&1; docker stack rm "+theirs+" 2>&1"); err != nil {
		fmt.Fprintln(os.Stderr, "bench: clean up:", err)
	}
}

func (b *bench) note(what, unit string, aim float64, all ...float64) {
	b.out = append(b.out, line{what, unit, all, aim})
}

func (b *bench) print() {
	fmt.Printf("\n%-58s %8s %8s %4s  %s\n", "", "median", "worst", "n", "aim")
	for _, l := range b.out {
		aim := ""
		if l.aim > 0 {
			aim = fmt.Sprintf("%g %s", l.aim, l.unit)
			if median(l.all) > l.aim {
				aim += "  MISSED"
			}
		}
		fmt.Printf("%-58s %8.2f %8.2f %4d  %s\n", l.what+" ("+l.unit+")", median(l.all), slices.Max(l.all), len(l.all), aim)
	}
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if half := len(sorted) / 2; len(sorted)%2 == 1 {
		return sorted[half]
	} else {
		return (sorted[half-1] + sorted[half]) / 2
	}
}
