package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
)

// The labels of a claim. Docker lets nobody change anything but the labels of a config.
const (
	labelHolder = "averazure.holder" // id of the node that deploys
	labelHost   = "averazure.host"   // its host name, for people
	labelRun    = "averazure.run"    // the run on that node: process and start
	labelSince  = "averazure.since"  // RFC 3339
	labelUntil  = "averazure.until"  // Unix seconds; renewed while the run lives
)

// claim is the right to change a stack. It is a Docker config, so that only one exists in
// the whole Swarm. Its holder renews it. Taking over a dead run's claim is a
// compare-and-swap on the config's version: of two managers that try, only one succeeds.
type claim struct {
	d      *Deployer
	name   string
	id     string
	labels map[string]string
	// former are the labels of the dead run from which this claim was taken over; nil if
	// there was none.
	former map[string]string
	// left are the labels that the claim keeps, with an expired lease, when the run ends in
	// the middle: the agent takes over and finishes. Nil removes the claim.
	left map[string]string
	stop context.CancelFunc
	done chan struct{}
}

// errLostClaim ends a run whose claim somebody took over.
var errLostClaim = errors.New("another manager took this deployment over, because this one gave no sign of life")

func claimName(stack string) string { return stack + "-deploying" }

// claim waits for its turn and returns the right to change the stack, with a context that
// ends when that right is lost. While it waits, say reports whom it waits for.
func (d *Deployer) claim(ctx context.Context, stack string, wait time.Duration) (context.Context, *claim, error) {
	end := d.now().Add(wait)
	var told time.Time
	for {
		c, holder, err := d.tryClaim(ctx, stack)
		if err != nil {
			return ctx, nil, err
		}
		if c != nil {
			running, cancel := context.WithCancelCause(ctx)
			c.renew(ctx, cancel)
			alone, err := d.aloneHolder(ctx)
			if err == nil && alone == nil {
				return running, c, nil
			}
			c.left = c.former // a dead run's leftovers are for another run to finish
			c.release(ctx)
			if err != nil {
				return ctx, nil, err
			}
			holder = *alone
		}
		if !d.now().Before(end) {
			return ctx, nil, busyError{holder}
		}
		if d.now().Sub(told) >= d.Settings.Tell {
			told = d.now()
			d.say("waiting for the deployment before this one: %s", holder)
		}
		if err := d.sleep(ctx, d.Settings.Poll); err != nil {
			return ctx, nil, err
		}
	}
}

// tryClaim makes the claim, or takes over a dead run's claim. If it returns neither a claim
// nor an error, another run holds it.
func (d *Deployer) tryClaim(ctx context.Context, stack string) (*claim, Holder, error) {
	c := &claim{d: d, name: claimName(stack), labels: d.claimLabels()}
	found, err := c.findOrMake(ctx)
	if err != nil || found == nil {
		return nil, Holder{Stack: stack, Host: "another manager", Since: d.now()}, err
	}
	if labels := found.Spec.Labels; labels[labelRun] == c.labels[labelRun] && !isOver(labels) {
		c.id = found.ID
		return c, Holder{}, nil
	}
	dead, err := d.isDead(ctx, *found)
	if err != nil {
		return nil, Holder{}, err
	}
	holder := holderOf(stack, found.Spec.Labels)
	if !dead {
		return nil, holder, nil
	}
	if !c.takeOver(ctx, *found) {
		return nil, holder, nil // another run was quicker; look again
	}
	d.say("took over from %s, which gave no sign of life", holder.Host)
	return c, Holder{}, nil
}

// findOrMake is the claim's config, which may belong to this run or to another run. It is
// nil if the other run removed it at this moment.
func (c *claim) findOrMake(ctx context.Context) (*swarm.Config, error) {
	found, err := c.d.configNamed(ctx, c.name)
	if err != nil || found != nil {
		return found, err
	}
	if err := c.d.createConfig(ctx, configOf(c.name, c.labels, []byte("deploying"))); err != nil && !conflict(err) {
		return nil, err
	}
	return c.d.configNamed(ctx, c.name)
}

// takeOver makes a dead run's claim this run's.
func (c *claim) takeOver(ctx context.Context, dead swarm.Config) bool {
	spec := dead.Spec
	former := given(spec.Labels)
	spec.Labels = c.labels
	ctx, cancel := context.WithTimeout(ctx, c.d.Settings.Call)
	defer cancel()
	if err := c.d.Swarm.ConfigUpdate(ctx, dead.ID, dead.Version, spec); err != nil {
		return false
	}
	c.id, c.former = dead.ID, former
	return true
}

// configNamed asks for the config with exactly that name.
func (d *Reader) configNamed(ctx context.Context, name string) (*swarm.Config, error) {
	list, err := ask(ctx, d, "look for a deployment under way", func(ctx context.Context) ([]swarm.Config, error) {
		return d.Swarm.ConfigList(ctx, swarm.ConfigListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	})
	for _, found := range list {
		if found.Spec.Name == name { // the filter also matches prefixes
			return &found, err
		}
	}
	return nil, err
}

func (d *Reader) claimLabels() map[string]string {
	return map[string]string{
		labelHolder: d.node, labelHost: d.Host, labelRun: d.run,
		labelSince: d.now().UTC().Format(time.RFC3339), labelUntil: d.lease()[labelUntil],
	}
}

// renew keeps the claim alive until release. If another run has it, or Docker could not be
// reached for a whole lease, the deployment ends: cancel says why.
func (c *claim) renew(ctx context.Context, cancel context.CancelCauseFunc) {
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		told := c.d.now()
		for c.d.sleep(ctx, c.d.Settings.Lease/4) == nil {
			kept, err := c.keep(ctx, c.d.lease())
			switch {
			case ctx.Err() != nil:
				return
			case err == nil && !kept:
				cancel(errLostClaim)
				return
			case err == nil:
				told = c.d.now()
			case c.d.now().Sub(told) > c.d.Settings.Lease:
				cancel(fmt.Errorf("the claim on the stack could not be renewed: %w", err))
				return
			}
		}
	}()
}

// taken tells whether the claim was taken over from a run that died.
func (c *claim) taken() bool { return c.former != nil }

// died is the dead run from which the claim was taken over; nil if there is none, or if
// that run ended in order and left its own record.
func (c *claim) died(stack string) *Holder {
	if !c.taken() || c.former[labelUntil] == leaseOver {
		return nil
	}
	holder := holderOf(stack, c.former)
	return &holder
}

// abandon says that the run ends in the middle. Nobody else has to leave a record of this
// run, unless the claim goes back to a dead run.
func (c *claim) abandon() {
	if c.left == nil {
		c.left = map[string]string{labelUntil: leaseOver}
	}
}

// lease is the label of a lease that begins now.
func (d *Reader) lease() map[string]string {
	return map[string]string{labelUntil: strconv.FormatInt(d.now().Add(d.Settings.Lease).Unix(), 10)}
}

// keep sets labels of the claim once, such as the end of its lease. It returns false if the
// claim belongs to another run by now.
func (c *claim) keep(ctx context.Context, labels map[string]string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.d.Settings.Call)
	defer cancel()
	list, err := c.d.Swarm.ConfigList(ctx, swarm.ConfigListOptions{Filters: filters.NewArgs(filters.Arg("id", c.id))})
	if err != nil {
		return true, err
	}
	if len(list) == 0 || list[0].Spec.Labels[labelRun] != c.labels[labelRun] {
		return false, nil
	}
	spec := list[0].Spec
	spec.Labels = maps.Clone(spec.Labels)
	maps.Copy(spec.Labels, labels)
	return true, c.d.Swarm.ConfigUpdate(ctx, c.id, list[0].Version, spec)
}

// release frees the stack. It removes the claim by its id, and only while this run still
// has it.
func (c *claim) release(ctx context.Context) {
	c.stop()
	<-c.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.d.Settings.Call)
	defer cancel()
	labels := c.left
	if labels == nil {
		labels = c.d.lease()
	}
	if kept, err := c.keep(ctx, labels); err == nil && kept && c.left == nil {
		if err := c.d.Swarm.ConfigRemove(ctx, c.id); err != nil && !notFound(err) {
			c.d.say("could not remove %s: %v; it expires in %s", c.name, err, c.d.Settings.Lease)
		}
	}
}
