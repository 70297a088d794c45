package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// bare are settings without the application, since only the nodes are measured.
func bare(managers, workers int) []string {
	return []string{fmt.Sprintf("managers=%d", managers), fmt.Sprintf("workers=%d", workers), "stackDeploy=false", "appContext="}
}

// diskless are the settings of the comparison: neither the playbook nor the floor has data
// disks.
func diskless() []string { return append(bare(1, 2), "dataDiskGB=0") }

// whole are the settings of the same nodes with everything that runs on them.
func whole(managers, workers int) []string { return bare(managers, workers)[:2] }

// vmsOnly leaves out everything that runs on nodes, and everything that waits for that. The
// nodes stay as their first boot left them.
var vmsOnly = []string{"--exclude", "**command:remote:**", "--exclude-dependents"}

// took is how long one of the three (program, floor, playbook) needed: the first time, and
// with nothing to do.
type took struct{ first, unchanged float64 }

// ourTime is the program's time. Its first covers only the work that all three do.
type ourTime struct {
	took
	layer float64 // the whole second layer
}

// compare has the program, the floor and the playbook make a Swarm of one manager and two
// workers, each on VMs that have just booted for the first time.
func (b *bench) compare(ctx context.Context) error {
	if err := needAnsible(ctx); err != nil {
		return err
	}
	ours, daemonJSON, err := b.ours(ctx)
	if err != nil {
		return fmt.Errorf("the program: %w", err)
	}
	floor, err := b.theirs(ctx, daemonJSON, access.floor, access.floor)
	if err != nil {
		return fmt.Errorf("the floor: %w", err)
	}
	ansible, err := b.theirs(ctx, daemonJSON,
		func(a access, ctx context.Context) (time.Duration, error) { return a.playbook(ctx, false) },
		func(a access, ctx context.Context) (time.Duration, error) { return a.playbook(ctx, true) })
	if err != nil {
		return fmt.Errorf("the playbook: %w", err)
	}
	if b.parts["compare"] {
		b.blocks["compare"] = compared(ours, floor, ansible)
	}
	if b.parts["nothing"] {
		b.blocks["nothing"] = nothing(ours, floor, ansible)
	}
	return b.box.destroy(ctx, bare(1, 2))
}

// freshVMs makes new VMs.
func (b *bench) freshVMs(ctx context.Context) error {
	if err := b.box.destroy(ctx, bare(1, 2)); err != nil {
		return err
	}
	_, _, err := b.box.up(ctx, diskless(), vmsOnly...)
	return err
}

// ours measures the program: the time of its second layer in an update, and the time of a
// preview of the whole graph, application included. It also returns Docker's settings.
func (b *bench) ours(ctx context.Context) (t ourTime, daemonJSON string, err error) {
	if err := b.freshVMs(ctx); err != nil {
		return t, "", err
	}
	if _, err := b.reach(ctx, ""); err != nil {
		return t, "", err
	}
	said, _, err := b.box.up(ctx, diskless())
	if err != nil {
		return t, "", err
	}
	work, err := layer2(said)
	if err != nil {
		return t, "", err
	}
	t.first, t.layer = work.common.Seconds(), work.all.Seconds()
	b.progress("the program: %.1f s, all of its second layer %.1f s", t.first, t.layer)
	if err := b.complete(ctx); err != nil {
		return t, "", err
	}
	if daemonJSON, err = b.box.exec(ctx, b.manager(), "cat /etc/docker/daemon.json"); err != nil || !b.parts["nothing"] {
		return t, daemonJSON, err
	}
	if _, _, err := b.box.up(ctx, whole(1, 2)); err != nil {
		return t, "", err
	}
	t.unchanged, err = b.unchanged(ctx, whole(1, 2))
	return t, daemonJSON, err
}

// unchanged is the median of the runs that change nothing, in seconds.
func (b *bench) unchanged(ctx context.Context, settings []string) (float64, error) {
	var all []float64
	for range b.runs {
		s, err := b.box.unchanged(ctx, settings)
		if err != nil {
			return 0, err
		}
		all = append(all, s)
	}
	return median(all), nil
}

// theirs measures the floor or the playbook on fresh VMs.
func (b *bench) theirs(ctx context.Context, daemonJSON string, first, again func(access, context.Context) (time.Duration, error)) (t took, err error) {
	if err := b.freshVMs(ctx); err != nil {
		return t, err
	}
	a, err := b.reach(ctx, daemonJSON)
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(a.dir)
	span, err := first(a, ctx)
	if err != nil {
		return t, err
	}
	t.first = span.Seconds()
	b.progress("first: %.1f s", t.first)
	if err := b.complete(ctx); err != nil || !b.parts["nothing"] {
		return t, err
	}
	var all []float64
	for range b.runs {
		span, err := again(a, ctx)
		if err != nil {
			return t, err
		}
		all = append(all, span.Seconds())
	}
	t.unchanged = median(all)
	return t, nil
}

// reach waits until every node accepts logins.
func (b *bench) reach(ctx context.Context, daemonJSON string) (access, error) {
	o, err := b.box.outputs(ctx, nil)
	if err != nil {
		return access{}, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return access{}, err
	}
	a, err := newAccess(dir, o, daemonJSON)
	if err == nil {
		err = a.wait(ctx)
	}
	if err != nil || daemonJSON == "" {
		os.RemoveAll(dir)
	}
	return a, err
}

// complete fails unless all three nodes are in one Swarm with at least three secrets.
// Otherwise a run that did less would count as faster.
func (b *bench) complete(ctx context.Context) error {
	out, err := b.box.exec(ctx, b.manager(), "docker node ls --format '{{.Status}}' | grep -c Ready; docker secret ls -q | wc -l")
	if err != nil {
		return err
	}
	var nodes, secrets int
	if _, err := fmt.Sscan(strings.TrimSpace(out), &nodes, &secrets); err != nil {
		return fmt.Errorf("%q: %w", out, err)
	}
	if nodes != 3 || secrets < 3 {
		return fmt.Errorf("there are %d nodes and %d secrets in the Swarm, want 3 of each", nodes, secrets)
	}
	return b.look(ctx)
}

func (b *bench) manager() string { return "aver-manager" }

func compared(ours ourTime, floor, ansible took) string {
	return table("Docker, Swarm and secrets on one manager and two workers", []row{
		{"the program", "", seconds(ours.first)},
		{"the program: all of its second layer, with stackctl and its agent", "", seconds(ours.layer)},
		{"the playbook, with Ansible", "", seconds(ansible.first)},
		{"plain parallel ssh, the floor", "", seconds(floor.first)},
		against("the program to the floor", ours.first, floor.first, 1.1),
		against("all of its second layer to the floor", ours.layer, floor.first, 1.1),
		against("the program to Ansible", ours.first, ansible.first, 0.4),
	})
}

func nothing(ours ourTime, floor, ansible took) string {
	return table("Nothing to do", []row{
		{"preview of the whole graph, the start of the sandbox's cloud included", "", seconds(ours.unchanged)},
		{"`ansible-playbook --check` of its part", "", seconds(ansible.unchanged)},
		{"plain parallel ssh once more", "", seconds(floor.unchanged)},
		against("the program to Ansible", ours.unchanged, ansible.unchanged, 0.15),
	})
}
