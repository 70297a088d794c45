package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// point is one number of nodes: one manager, the rest workers.
type point struct {
	nodes                    int
	first, layer2, unchanged float64
	manager, node            int // logins of an up: at the manager, and at most at a worker
	again                    int // logins of a preview, at all nodes
}

// picture is where the curve is drawn.
const picture = "docs/nodes.svg"

// curve brings up Pulumi stacks of several sizes from nothing.
func (b *bench) curve(ctx context.Context) error {
	var points []point
	for _, n := range b.nodes {
		p, err := b.point(ctx, n)
		if err != nil {
			return fmt.Errorf("%d nodes: %w", n, err)
		}
		points = append(points, p)
		b.progress("%d nodes: %.1f s, of which the second layer %.1f s", n, p.first, p.layer2)
		if err := b.box.destroy(ctx, bare(1, n-1)); err != nil {
			return err
		}
	}
	b.blocks["curve"] = curveTable(points)
	return os.WriteFile(picture, []byte(draw("seconds by the number of nodes", curves(points))), 0o644)
}

func (b *bench) point(ctx context.Context, n int) (p point, err error) {
	p.nodes = n
	said, took, err := b.box.up(ctx, bare(1, n-1))
	if err != nil {
		return p, err
	}
	work, err := layer2(said)
	if err != nil {
		return p, err
	}
	p.first, p.layer2 = took.Seconds(), work.all.Seconds()
	if err := b.look(ctx); err != nil {
		return p, err
	}
	first, err := b.logins(ctx, n)
	if err != nil {
		return p, err
	}
	p.manager = first[0]
	for _, count := range first[1:] {
		p.node = max(p.node, count)
	}
	if p.unchanged, err = b.unchanged(ctx, bare(1, n-1)); err != nil {
		return p, err
	}
	after, err := b.logins(ctx, n)
	for i := range after {
		p.again += after[i] - first[i]
	}
	p.again /= b.runs
	return p, err
}

// logins returns how many logins sshd has accepted on each node since the node booted. The
// manager comes first; it is also the jump host of the workers.
func (b *bench) logins(ctx context.Context, n int) ([]int, error) {
	var counts []int
	for i := range n {
		name := b.manager()
		if i > 0 {
			name = "aver-worker-" + strconv.Itoa(i)
		}
		out, err := b.box.exec(ctx, name, "journalctl --boot --no-pager --output cat --identifier sshd --identifier sshd-session")
		if err != nil {
			return nil, err
		}
		counts = append(counts, accepted(out))
	}
	return counts, nil
}

// accepted counts the logins in sshd's journal.
func accepted(journal string) (count int) {
	for line := range strings.Lines(journal) {
		if strings.HasPrefix(line, "Accepted ") {
			count++
		}
	}
	return count
}

// curves are what the picture shows.
func curves(points []point) []series {
	all := []series{{name: "up from nothing"}, {name: "its second layer"}, {name: "preview, nothing to do"}}
	for _, p := range points {
		for i, y := range []float64{p.first, p.layer2, p.unchanged} {
			all[i].x, all[i].y = append(all[i].x, float64(p.nodes)), append(all[i].y, y)
		}
	}
	return all
}

func curveTable(points []point) string {
	text := "### From nothing, by the number of nodes\n\n![seconds by the number of nodes](nodes.svg)\n\n" +
		"One manager, the rest workers, without the application.\n\n" +
		"| nodes | up from nothing | its second layer | preview, nothing to do | logins of the up: at the manager | at a worker | of the preview |\n|---|---|---|---|---|---|---|\n"
	for _, p := range points {
		text += fmt.Sprintf("| %d | %.1f s | %.1f s | %.1f s | %d | %d | %d |\n", p.nodes, p.first, p.layer2, p.unchanged, p.manager, p.node, p.again)
	}
	if len(points) > 1 {
		text += "| each more |"
		for _, s := range curves(points) {
			text += fmt.Sprintf(" %.2f s |", slope(s.x, s.y))
		}
		text += " | | |\n"
	}
	return text
}
