package release

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Trust notes what the deploy key may change, without deploying anything.
func (d *Deployer) Trust(ctx context.Context, stack string, order Order) Result {
	w := &work{Deployer: d, stack: stack, began: d.now()}
	result := func() Result {
		if err := d.know(ctx); err != nil {
			return w.fail("docker", err)
		}
		specs, err := order.File.Specs(stack, order.Images, nil)
		if err != nil {
			return refuse("file", err)
		}
		if err := d.note(ctx, stack, specs, order.File); err != nil {
			return w.fail("trust", err)
		}
		return Result{Outcome: Runs, Verdict: stack + ": this file now decides what the deploy key may change"}
	}()
	result.Stack = stack
	return result
}

// Rollback goes back to a release: to the one with that number, or for 0 to the last one
// that differs from what runs now. The result is recorded as a new release, and the
// releases that it leaves are withdrawn, so that another rollback goes further back. The
// owner of the stack file does not change.
func (d *Deployer) Rollback(ctx context.Context, stack string, number int) Result {
	return d.change(ctx, stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
		target, err := w.target(number)
		if err != nil {
			return refuse("no-release", err)
		}
		last := w.history.last()
		w.attempting(ByRollback, target.Revision, target.Actor)
		d.say("%s: going back from release %d to release %d", stack, last.Number, target.Number)
		return w.bringUp(ctx, wanted{specs: target.Specs, secrets: target.Secrets, ran: true, release: Release{
			From: last.From, By: ByRollback, Token: last.Token, Withdraws: target.Number,
			Revision: target.Revision, Actor: target.Actor, RolledBack: w.history.leaving(target),
		}})
	})
}

// leaving describes what a rollback to a release leaves; that is then withdrawn.
func (h history) leaving(target *Release) *RolledBack {
	last := h.last()
	left := RolledBack{From: last.Number, To: target.Number, Changes: textsOf(Changes(target, last.Specs))}
	if last.RolledBack != nil {
		left.Left = slices.DeleteFunc(slices.Clone(last.RolledBack.Left), func(r ReleaseStatus) bool { return r.Number == last.Number })
	}
	for _, one := range summaries(plain(h)) {
		if one.Number >= target.Number {
			one.RolledBack = nil
			left.Left = append(left.Left, one)
		}
	}
	slices.SortFunc(left.Left, func(a, b ReleaseStatus) int { return cmp.Compare(a.Number, b.Number) })
	left.Left = left.Left[max(0, len(left.Left)-toldOf):]
	return &left
}

func (w *work) target(number int) (*Release, error) {
	last := w.history.last()
	switch {
	case last == nil:
		return nil, fmt.Errorf("stack %s has no release", w.stack)
	case number == 0:
		if before := w.history.before(); before != nil {
			return before, nil
		}
		return nil, fmt.Errorf("stack %s has no release before the current one", w.stack)
	case number == last.Number:
		return nil, fmt.Errorf("release %d of %s is the current one", number, w.stack)
	}
	if found := w.history.number(number); found != nil {
		return found, nil
	}
	if back := last.RolledBack; back != nil && slices.ContainsFunc(back.Left, func(r ReleaseStatus) bool { return r.Number == number }) {
		now := last.Summary()
		return nil, fmt.Errorf("release %d of %s was withdrawn by a rollback and cannot be used: %s", number, w.stack, now.InForce())
	}
	return nil, fmt.Errorf("stack %s has no release %d; `stackctl releases %s` lists them", w.stack, number, w.stack)
}

// Remove removes the stack and its history, and waits until Docker has really removed it,
// so that it can be deployed again at once. Volumes remain.
func (d *Deployer) Remove(ctx context.Context, stack string) Result {
	return d.change(ctx, stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
		ctx, _, cancel, err := w.within(ctx, stackfile.Specs{})
		if err != nil {
			return w.fail("docker", err)
		}
		defer cancel()
		if err := w.prune(ctx, stack, stackfile.Specs{}); err != nil {
			return w.fail("docker", err)
		}
		if err := w.wait(ctx, "its tasks and networks are gone", w.isGone); err != nil {
			return w.fail("docker", err)
		}
		if err := w.forgetAll(ctx); err != nil {
			return w.fail("docker", err)
		}
		if err := w.dropOldSecrets(ctx); err != nil {
			d.say("former secrets stay: %v", err)
		}
		return Result{Outcome: Runs, Verdict: stack + ": removed; its volumes stay"}
	})
}

// isGone tells whether nothing of the stack is left but volumes.
func (w *work) isGone(ctx context.Context) (bool, error) {
	occupied, err := w.occupied(ctx, func(swarm.Task) bool { return true })
	if err != nil || occupied {
		return false, err
	}
	networks, err := w.networks(ctx, w.stack)
	if err != nil {
		return false, err
	}
	if err := w.pruneNetworks(ctx, networks, 0); err != nil {
		return false, err
	}
	networks, err = w.networks(ctx, w.stack)
	return len(networks) == 0, err
}

// wait repeats a question until the answer is yes, for as long as a deployment may take: a
// removed service may have a long stop_grace_period.
func (w *work) wait(ctx context.Context, what string, is func(context.Context) (bool, error)) error {
	end := w.now().Add(w.Settings.Converge)
	for {
		yes, err := is(ctx)
		if err != nil || yes {
			return err
		}
		if !w.now().Before(end) {
			return fmt.Errorf("not so after %s: %s", w.Settings.Converge, what)
		}
		if err := w.sleep(ctx, w.Settings.Poll); err != nil {
			return err
		}
	}
}

// forgetAll removes the stack's records, the newest release last. If it is interrupted, the
// release that ran is still the one that counts, and no older release comes back.
func (w *work) forgetAll(ctx context.Context) error {
	for _, label := range []string{labelTrusted, labelVariables, labelPaused, labelAttempt, labelStack} {
		configs, err := w.labelled(ctx, label+"="+w.stack)
		if err != nil {
			return err
		}
		kept, withdrawn := standing(configs)
		for _, config := range append(withdrawn, kept...) {
			if err := w.removeConfig(ctx, config.Spec.Name, config.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Diff is what a deployment of a file would change, and which of these changes are refused.
// It changes nothing.
func (d *Reader) Diff(ctx context.Context, stack string, order Order) (Diff, error) {
	specs, err := order.File.Specs(stack, order.Images, nil)
	if err != nil {
		return Diff{}, err
	}
	glance, cancel := d.glance(ctx)
	defer cancel()
	h, err := d.load(glance, stack)
	if err != nil {
		return Diff{}, err
	}
	refused, err := d.beyondKey(glance, stack, order, specs)
	if err != nil {
		return Diff{}, err
	}
	return Diff{Stack: stack, Changes: append([]Change{}, Changes(h.last(), specs)...), Images: d.missing(ctx, h.last(), specs), Refused: refused}, nil
}

// stacks are the names of all stacks with a release.
func (d *Reader) stacks(ctx context.Context) ([]string, error) {
	configs, err := d.labelled(ctx, labelRelease)
	names := map[string]bool{}
	for _, config := range configs {
		names[config.Spec.Labels[labelStack]] = true
	}
	return slices.Sorted(maps.Keys(names)), err
}
