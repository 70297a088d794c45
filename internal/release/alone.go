package release

import (
	"context"
	"errors"
	"slices"
	"time"
)

// aloneStack is what Alone claims beside all stacks: nobody deploys while it is held, not
// even a stack that nobody knew when it was taken.
const aloneStack = "averazure-alone"

// Alone runs an action while nobody can deploy anything, such as a restart of this
// manager's Docker, whose tasks a deployment would count as failed. It waits for
// deployments under way; Docker may be away when the action is over.
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
	// From here on no deployment begins. One that was quicker has a claim.
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
		claim.left = claim.former // what died there is somebody else's to finish
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

// aloneHolder is who runs something alone, if another run does.
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
