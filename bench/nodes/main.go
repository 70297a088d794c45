// Command nodes measures what the program does to nodes, in its own sandbox. It compares
// the program with an Ansible playbook and with plain ssh that do the same work, draws a
// curve by the number of nodes, and measures while three managers are rebuilt. It writes
// the tables into docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// part is one of the measurements. They run in the order of the list. Compare and nothing
// come from the same VMs, and are measured together when both are asked for.
type part struct {
	names []string
	run   func(*bench, context.Context) error
	box   bool // it needs the sandbox
}

var parts = []part{
	{[]string{"waiting"}, (*bench).waiting, false},
	{[]string{"compare", "nothing"}, (*bench).compare, true},
	{[]string{"curve"}, (*bench).curve, true},
	{[]string{"rebuild"}, (*bench).rebuild, true},
}

// bench is one run.
type bench struct {
	box    *sandbox
	began  time.Time
	parts  map[string]bool
	nodes  []int // of the curve
	runs   int
	blocks map[string]string // for the page, by the name of the part

	pulumi, onNodes string // the versions of what runs on this machine and on the nodes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := flag.String("name", "bench", "the sandbox; one that is there already is taken down")
	network := flag.String("network", "198.18.20.0/24", "the /24 that is the internet there")
	only := flag.String("only", strings.Join(names(), ","), "what is measured, with commas between")
	nodes := flag.String("nodes", "2,4,8,16", "numbers of nodes of the curve")
	runs := flag.Int("runs", 3, "how often each is measured that changes nothing")
	flag.Parse()
	b := &bench{began: time.Now(), runs: *runs, blocks: map[string]string{}}
	err := b.read(*only, *nodes)
	if err == nil {
		err = b.run(ctx, *name, *network)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// names are those of all parts.
func names() []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.names...)
	}
	return all
}

// read checks which measurements are asked for.
func (b *bench) read(only, nodes string) error {
	b.parts = map[string]bool{}
	for _, name := range strings.Split(only, ",") {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("--only %s: unknown; there are %s", name, strings.Join(names(), ", "))
		}
		b.parts[name] = true
	}
	b.nodes = nil
	for _, number := range strings.Split(nodes, ",") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 2 || n > 100 {
			return fmt.Errorf("--nodes %s: want numbers from 2 to 100", number)
		}
		b.nodes = append(b.nodes, n)
	}
	if b.runs < 1 {
		return fmt.Errorf("--runs %d: want at least 1", b.runs)
	}
	return nil
}

// run measures, and writes down what could be measured even if something failed.
func (b *bench) run(ctx context.Context, name, network string) (err error) {
	dir, err := os.MkdirTemp("", "averazure-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	where := machine()
	if b.needsBox() {
		closing, err := b.open(ctx, dir, name, network)
		if err != nil {
			return err
		}
		defer closing()
	}
	for _, p := range parts {
		if !slices.ContainsFunc(p.names, func(name string) bool { return b.parts[name] }) {
			continue
		}
		b.progress("measuring %s", strings.Join(p.names, " and "))
		if failed := p.run(b, ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.names[0], failed))
			if b.box != nil {
				err = errors.Join(err, b.box.down(context.WithoutCancel(ctx))) // the next part starts from nothing
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	where += b.versions(context.WithoutCancel(ctx))
	return errors.Join(err, b.write("docs/performance.md", where))
}

func (b *bench) needsBox() bool {
	return slices.ContainsFunc(parts, func(p part) bool {
		return p.box && slices.ContainsFunc(p.names, func(name string) bool { return b.parts[name] })
	})
}

// open makes the sandbox ready, and returns the function that removes it.
func (b *bench) open(ctx context.Context, dir, name, network string) (closing func(), err error) {
	log, err := os.CreateTemp("", "averazure-bench-*.log")
	if err != nil {
		return nil, err
	}
	b.progress("what the sandbox says is in %s", log.Name())
	own := []string{"vnetCidr=10.60.0.0/16", "subnetCidr=10.60.1.0/24"}
	if b.box, err = newSandbox(ctx, dir, name, network, own, log); err != nil {
		return nil, err
	}
	if err := b.box.down(ctx); err != nil {
		return nil, err
	}
	// Builds all images too, which no measurement should see.
	printed, _, err := b.box.run(ctx, nil, "pulumi", "--", "version")
	if err != nil {
		return nil, err
	}
	b.pulumi = "Pulumi " + strings.TrimPrefix(printed[len(printed)-1].text, "v")
	return func() {
		if err := b.box.down(context.WithoutCancel(ctx)); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		log.Close()
	}, nil
}

// progress prints how far the run is.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "==> %5.0f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// write puts the tables into the page, and prints them.
func (b *bench) write(page, where string) error {
	if len(b.blocks) == 0 {
		return nil
	}
	for name, block := range b.blocks {
		b.blocks[name] = block + "\n" + where + "\n"
		fmt.Println(b.blocks[name])
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	changed, err := replaced(string(text), names(), b.blocks)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(filepath.Clean(page), []byte(changed), 0o644)
}
