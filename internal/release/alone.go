package release

import (
	"context"
	"errors"
	"slices"
	"time"
)

// aloneStack is the stack name that Alone claims in addition to all stacks. While it is
// held nobody deploys, not even a stack that was unknown when it was claimed.
const aloneStack = "averazure-alone"

// Alone runs an action while nobody can deploy anything. An example is a restart of this
// manager's Docker: a deployment would count its stopped tasks as failed. Alone waits for
// deployments under way. Docker may still be away when the action ends.
func (d *Deployer) Alone(ctx context.Context, wait time.Duration, action func(context.Context) error) (err error) {
	if err := d.know(ctx); err != nil {
		return err
	}
	end := d.now().Add(wait)
	held, first, err := d.claim(ctx, aloneStack, wait)
	if err != nil {
		return err
	}
	defer first.release(ctx)
	// From here on no deployment can begin. A deployment that began before this has a
	// claim.
	stacks, err := d.stacks(held)
	if err != nil {
		return err
	}
	holders, err := d.Holders(held)
	if err != nil {
		return err
	}
	for _, holder := range holders {
		if holder.Stack != aloneStack {
			stacks = append(stacks, holder.Stack)
		}
	}
	slices.Sort(stacks)
	for _, stack := range slices.Compact(stacks) {
		running, claim, failed := d.claim(held, stack, max(0, end.Sub(d.now())))
		if failed != nil {
			return failed
		}
		claim.left = claim.former // a dead run's leftovers are for another run to finish
		defer claim.release(ctx)
		held = running
	}
	if held.Err() != nil {
		return context.Cause(held)
	}
	// A claim that cannot be renewed does not end the action: Docker is away while it restarts.
	err = action(ctx)
	_, back := ask(ctx, &d.Reader, "ask Docker whether it is back", d.Swarm.Info)
	return errors.Join(err, back)
}

// aloneHolder returns the holder if another run is in Alone, else nil.
func (d *Reader) aloneHolder(ctx context.Context) (*Holder, error) {
	found, err := d.configNamed(ctx, claimName(aloneStack))
	if err != nil || found == nil || found.Spec.Labels[labelRun] == d.run {
		return nil, err
	}
	if dead, err := d.isDead(ctx, *found); err != nil || dead {
		return nil, err
	}
	holder := holderOf(aloneStack, found.Spec.Labels)
	return &holder, nil
}

// IsBusy tells whether an error means that somebody else deploys.
func IsBusy(err error) bool { return errors.As(err, new(busyError)) }
