package release

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Alone runs an action while nobody can deploy anything, such as a restart of this
// manager's Docker, whose tasks a deployment would count as failed. It waits for
// deployments under way; Docker may be away when the action is over.
func (d *Deployer) Alone(ctx context.Context, wait time.Duration, action func(context.Context) error) (err error) {
	if err := d.know(ctx); err != nil {
		return err
	}
	stacks, err := d.stacks(ctx)
	if err != nil {
		return err
	}
	// Whatever is deployed for the first time has no release yet, but a claim.
	holders, err := d.Holders(ctx)
	if err != nil {
		return err
	}
	for _, holder := range holders {
		stacks = append(stacks, holder.Stack)
	}
	slices.Sort(stacks) // two of these must not wait for each other
	end := d.now().Add(wait)
	for _, stack := range slices.Compact(stacks) {
		running, claim, failed := d.claim(ctx, stack, max(0, end.Sub(d.now())))
		if failed != nil {
			return failed
		}
		defer claim.release(ctx)
		ctx = running
	}
	err = action(ctx)
	_, back := ask(ctx, d, "ask Docker whether it is back", d.Swarm.Info)
	return errors.Join(err, back)
}

// IsBusy tells an error that says that somebody else deploys.
func IsBusy(err error) bool { return errors.As(err, new(busyError)) }
