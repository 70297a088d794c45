package release

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// Status says how a stack stands. Without a quorum nobody knows, which is an error.
func (d *Deployer) Status(ctx context.Context, stack string) (Status, error) {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	if err := d.know(ctx); err != nil {
		return Status{}, err
	}
	h, err := d.load(ctx, stack)
	if err != nil {
		return Status{}, err
	}
	state, err := d.state(ctx, stack)
	if err != nil {
		return Status{}, err
	}
	if state.Unrecorded, err = d.unrecorded(ctx); err != nil {
		return Status{}, err
	}
	if err := quorum(state.Nodes); err != nil {
		return Status{}, err
	}
	// At one look a record that stays behind is not told from one that is about to go: the
	// agent says it, after two.
	state.Names = slices.DeleteFunc(d.namesAmong(ctx, state.Services, state.Nodes), func(d Difference) bool { return d.Code != CodeNameMissing })
	status := BuildStatus(stack, plain(h), state)
	if err := d.askSwarm(ctx, &status, state.Nodes); err != nil {
		return status, err
	}
	return status, d.askRecords(ctx, &status, state.Nodes)
}

// askSwarm adds what is about the whole Swarm.
func (d *Deployer) askSwarm(ctx context.Context, status *Status, nodes []swarm.Node) error {
	services, err := d.services(ctx, "")
	if err != nil {
		return err
	}
	tasks, err := d.tasks(ctx, "")
	if err != nil {
		return err
	}
	status.Bound = boundServices(services, tasks, nodes)
	if status.Reboots = d.reboots(status.Nodes); status.Reboots == nil {
		return nil
	}
	w, err := d.ward(ctx, State{Services: services, Tasks: tasks, Nodes: nodes})
	if err != nil {
		return err
	}
	if what, node, why := w.next(d.now()); what == rest && node.ID != "" && why != outsideWindow {
		status.RebootsWait = node.Description.Hostname + ": " + why
	}
	return nil
}

// askRecords adds what stackctl has noted of the stack, and of backups.
func (d *Deployer) askRecords(ctx context.Context, status *Status, nodes []swarm.Node) (err error) {
	var unknown unknownStack
	if status.Release == nil {
		if err := d.known(ctx, status.Stack); errors.As(err, &unknown) {
			status.Unknown = &unknown.stacks
		} else if err != nil {
			return err
		}
	}
	if status.LastAttempt, err = d.lastAttempt(ctx, status.Stack); err != nil {
		return err
	}
	if status.Paused, err = d.paused(ctx, status.Stack); err != nil {
		return err
	}
	if status.Backups, err = d.backupStatuses(ctx, nodes); err != nil {
		return err
	}
	found, err := d.configNamed(ctx, claimName(status.Stack))
	if err != nil || found == nil {
		return err
	}
	dead, err := d.isDead(ctx, *found)
	if holder := holderOf(status.Stack, found.Spec.Labels); !dead {
		status.Deploying = &holder
	}
	return err
}

// reboots is described at Status.Reboots. In the window it is the time at which that opened.
func (d *Deployer) reboots(nodes []NodeStatus) *time.Time {
	due := slices.ContainsFunc(nodes, func(n NodeStatus) bool { return n.Reboot != "" })
	window, now := d.Settings.Window, d.now()
	if !due || window.Length == 0 {
		return nil
	}
	at := window.Next(now)
	if window.Open(now) {
		at = window.Latest(now)
	}
	return &at
}
