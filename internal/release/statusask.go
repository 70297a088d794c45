package release

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// answers is what the parts of a status are made of.
type answers struct {
	history history
	state   State // of the stack
	all     State // of the whole Swarm: services, tasks and nodes
	claim   *swarm.Config
	attempt *Attempt
	paused  *Paused
}

// Status reports the state of a stack. Without a quorum nobody knows the state, which is an
// error. Status asks in two rounds: first what it always has to know, and then what follows
// from those answers.
func (d *Reader) Status(ctx context.Context, stack string) (Status, error) {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	a, err := d.askStatus(ctx, stack)
	if err != nil {
		return Status{}, err
	}
	if err := quorum(a.state.Nodes); err != nil {
		return Status{}, err
	}
	var more Status
	if err := atOnce(ctx,
		func(ctx context.Context) error { a.state.Names = d.missingNames(ctx, a); return nil },
		func(ctx context.Context) (err error) {
			more.Deploying, err = d.deploying(ctx, stack, a.claim)
			return err
		},
		func(ctx context.Context) (err error) {
			more.Unknown, err = d.unknown(ctx, stack, a.history)
			return err
		},
		func(ctx context.Context) (err error) {
			more.Backups, err = d.backupStatuses(ctx, a.state.Nodes)
			return err
		},
		func(ctx context.Context) error { return d.askReboots(ctx, &more, a.all) },
	); err != nil {
		return Status{}, err
	}
	status := BuildStatus(stack, plain(a.history), a.state)
	status.LastAttempt, status.Paused = a.attempt, a.paused
	status.Deploying, status.Unknown, status.Backups = more.Deploying, more.Unknown, more.Backups
	status.Reboots, status.RebootsWait = more.Reboots, more.RebootsWait
	status.Bound = boundServices(a.all.Services, a.all.Tasks, a.all.Nodes)
	return status, nil
}

// askStatus is the first round.
func (d *Reader) askStatus(ctx context.Context, stack string) (a answers, err error) {
	var unrecorded bool
	err = atOnce(ctx,
		d.know,
		func(ctx context.Context) (err error) { a.history, err = d.load(ctx, stack); return err },
		func(ctx context.Context) (err error) { a.state, err = d.state(ctx, stack); return err },
		func(ctx context.Context) (err error) { a.all.Services, err = d.services(ctx, ""); return err },
		func(ctx context.Context) (err error) { a.all.Tasks, err = d.tasks(ctx, ""); return err },
		func(ctx context.Context) (err error) { unrecorded, err = d.unrecorded(ctx); return err },
		func(ctx context.Context) (err error) { a.attempt, err = d.lastAttempt(ctx, stack); return err },
		func(ctx context.Context) (err error) { a.paused, err = d.paused(ctx, stack); return err },
		func(ctx context.Context) (err error) { a.claim, err = d.configNamed(ctx, claimName(stack)); return err },
	)
	a.state.Unrecorded, a.all.Nodes = unrecorded, a.state.Nodes
	return a, err
}

// missingNames are the names of the stack's services that this node does not have. One look
// cannot tell a stale record from one that is about to be removed, so the agent reports it
// after two looks.
func (d *Reader) missingNames(ctx context.Context, a answers) []Difference {
	found := d.namesAmong(ctx, State{Services: a.state.Services, Tasks: a.all.Tasks, Nodes: a.all.Nodes})
	return slices.DeleteFunc(found, func(d Difference) bool { return d.Code != CodeNameMissing })
}

// deploying is who holds a stack by a claim; nil if no living run does.
func (d *Reader) deploying(ctx context.Context, stack string, claim *swarm.Config) (*Holder, error) {
	if claim == nil {
		return nil, nil
	}
	dead, err := d.isDead(ctx, *claim)
	if dead || err != nil {
		return nil, err
	}
	holder := holderOf(stack, claim.Spec.Labels)
	return &holder, nil
}

// unknown is described at Status.Unknown.
func (d *Reader) unknown(ctx context.Context, stack string, h history) (*[]string, error) {
	if len(h.releases) > 0 {
		return nil, nil
	}
	err := d.known(ctx, stack)
	if unknown := (unknownStack{}); errors.As(err, &unknown) {
		return &unknown.stacks, nil
	}
	return nil, err
}

// askReboots adds when nodes may reboot, and what they wait for.
func (d *Reader) askReboots(ctx context.Context, status *Status, all State) error {
	if status.Reboots = d.reboots(nodeStatuses(all.Nodes)); status.Reboots == nil {
		return nil
	}
	w, err := d.ward(ctx, all)
	if err != nil {
		return err
	}
	if what, node, why := w.next(d.now()); what == rest && node.ID != "" && why != outsideWindow {
		status.RebootsWait = node.Description.Hostname + ": " + why
	}
	return nil
}

// reboots is described at Status.Reboots. Inside the window it is the time at which the
// window opened.
func (d *Reader) reboots(nodes []NodeStatus) *time.Time {
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
