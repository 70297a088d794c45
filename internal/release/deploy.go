package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// work is one change of a stack, from its claim to its end.
type work struct {
	*Deployer
	stack   string
	began   time.Time // when its deadline started
	end     time.Time // when it must be over; zero until that is known
	history history
	// changed is set once Docker was told to change something: a half-made change must not
	// remain.
	changed bool
	// heals says that this work only puts back what somebody changed.
	heals bool
	// onlyMoves says that this work restarts tasks and leaves the specs as they are: what a
	// dead run left is still to be finished.
	onlyMoves bool
	held      *claim
	paused    []string                 // ids of nodes without room
	told      map[string]swarm.Service // the services as Docker had them right after submit
	attempt   *Attempt                 // nil for work that leaves no record
}

// wanted is what a work is to bring up.
type wanted struct {
	specs   stackfile.Specs
	secrets map[string]string // versions to prefer
	made    contents          // the configs and secrets of the file
	// ran says that these specs are from a release: exactly what it ran must run again, and
	// no registry is asked what a tag means now.
	ran bool
	// heals says that the work only puts back what there was. An option that cannot be
	// changed does not keep it from that.
	heals   bool
	release Release // what it is recorded with
}

// Deploy brings a stack file up and records it as a release. When it does not come
// up, the whole stack goes back to its last good release.
func (d *Deployer) Deploy(ctx context.Context, stack string, order Order) Result {
	return d.change(ctx, stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
		d.say("%s: deploying", stack)
		w.attempting(order.By, order.Revision, order.Actor)
		return w.deploy(ctx, order)
	})
}

// errSignal ends a run that somebody stops.
var errSignal = errors.New("stopped by a signal")

// change runs an action with the right to change the stack.
func (d *Deployer) change(ctx context.Context, stack string, wait time.Duration, action func(context.Context, *work) Result) Result {
	began := d.now()
	w := &work{Deployer: d, stack: stack, began: began}
	result := w.claimed(ctx, wait, action)
	result.Stack = stack
	result.Seconds = d.now().Sub(began).Round(10 * time.Millisecond).Seconds()
	return result
}

func (w *work) claimed(ctx context.Context, wait time.Duration, action func(context.Context, *work) Result) Result {
	if err := w.know(ctx); err != nil {
		return w.fail("docker", err)
	}
	running, claim, err := w.claim(ctx, w.stack, wait)
	var busy busyError
	switch {
	case errors.As(err, &busy):
		return Result{Outcome: Busy, Holder: &busy.Holder, Problems: []Problem{{Code: "busy", Reason: busy.Error()}},
			Verdict: fmt.Sprintf("another deployment is under way: %s", busy)}
	case err != nil:
		return w.fail("claim", err)
	}
	defer claim.release(ctx)
	w.held, claim.left = claim, claim.former // a dead run's leftovers are for another run to finish
	if w.history, err = w.load(running, w.stack); err != nil {
		return w.fail("releases", err)
	}
	result := action(running, w)
	if running.Err() == nil && !w.late() {
		if err := w.dropContents(running); err != nil {
			w.say("former configs and secrets stay until the next deployment: %v", err)
		}
	}
	if result.Outcome == Runs && !w.onlyMoves || result.Outcome == PutBack || w.changed && w.attempt != nil {
		claim.left = nil // it is finished, or this run leaves a trace of its own
	}
	switch {
	case !w.changed:
	case ctx.Err() != nil:
		claim.abandon()
		result = w.handBack(ctx, errSignal)
	case w.late():
		claim.abandon()
		result = w.handBack(ctx, lateError{w.end.Sub(w.began)})
	}
	result.tookOver = claim.taken()
	w.trace(ctx, result)
	return result
}

func (w *work) deploy(ctx context.Context, order Order) Result {
	versions, err := w.versions(ctx)
	if err != nil {
		return w.fail("secrets", err)
	}
	secrets := merged(versions.present, order.Secrets)
	specs, err := order.File.Specs(w.stack, order.Images, nil)
	if err != nil {
		return refuse("file", err)
	}
	if refused := w.guard(ctx, order, specs); refused != nil {
		return *refused
	}
	if order.By != ByPulumi { // the preview of `pulumi up` has reported it
		for _, warning := range order.File.Warnings(order.Images) {
			w.say("warning: %s", warning)
		}
	}
	last := w.history.last()
	want := wanted{specs: specs, secrets: secrets, release: Release{
		From: order.From, By: order.By, Revision: order.Revision, Actor: order.Actor, Token: order.Token,
	}}
	kept := order.From == FromPulumi && !order.TakeOver && last != nil && last.From == FromStackRepo
	if kept {
		w.say("%s: release %d came from stack-repo, which owns the stack file; keeping it, with the current secrets", w.stack, last.Number)
		want.specs, want.secrets, want.ran = last.Specs, merged(last.Secrets, secrets), true
		want.release.From, want.release.Revision, want.release.Actor, want.release.RolledBack = last.From, last.Revision, last.Actor, last.RolledBack
	} else if want.made, err = w.open(order.File, w.stack); err != nil {
		return w.refuseOrFail(err)
	}
	if want.release.Token == "" && last != nil {
		want.release.Token = last.Token
	}
	w.warnOfVolumes(want.specs)
	result := w.bringUp(ctx, want)
	result.Kept = kept
	return result
}

// warnOfVolumes reports the existing volumes that keep their options although the file
// changes them.
func (w *work) warnOfVolumes(specs stackfile.Specs) {
	if last := w.history.last(); last != nil {
		for _, change := range volumeChanges(last.Specs, specs) {
			w.say("warning: %s", change.Text)
		}
	}
}

// bringUp first prepares everything that can be refused, before it touches anything. Then
// it tells Docker, and waits.
func (w *work) bringUp(ctx context.Context, want wanted) Result {
	whole, first, cancel, err := w.within(ctx, want.specs)
	if err != nil {
		return w.fail("docker", err)
	}
	defer cancel()
	p, err := w.prepare(first, want)
	if err != nil {
		return w.refuseOrFail(err)
	}
	problems, err := w.apply(first, p)
	if err == nil && len(problems) == 0 {
		return w.keep(whole, p, want.release)
	}
	if whole.Err() != nil {
		return w.lost(context.Cause(whole))
	}
	if err != nil {
		problems = []Problem{problemOf(err)}
	}
	w.explain(problems)
	return w.putBack(whole, problems)
}

// apply tells Docker and waits until everything runs.
func (w *work) apply(ctx context.Context, p plan) ([]Problem, error) {
	w.changed = true
	if err := w.makeRoom(ctx, w.stack, p.specs); err != nil {
		return nil, err
	}
	defer w.takeBack(ctx)
	for {
		changed, err := w.submit(ctx, p, w.history.last())
		if err != nil {
			return nil, err
		}
		if w.told, err = w.byName(ctx, w.stack); err != nil {
			return nil, err
		}
		problems, err := w.until(ctx, w.stack, p.specs, changed, w.leaves)
		if err != nil {
			return nil, err
		}
		if len(problems) == 0 {
			return nil, w.prune(ctx, w.stack, p.specs)
		}
		if again, err := w.aside(ctx, p, problems); err != nil || !again {
			return problems, err
		}
	}
}

// keep records what runs as a release.
func (w *work) keep(ctx context.Context, p plan, r Release) Result {
	var err error
	if r.Number, err = w.recordLive(ctx, p, r); err != nil {
		if ctx.Err() != nil || errors.Is(err, errLostClaim) {
			return w.lost(cmp.Or(context.Cause(ctx), err))
		}
		return Result{Outcome: Failed, Problems: []Problem{{Code: "not-recorded", Reason: err.Error()}},
			Verdict: fmt.Sprintf("%s runs, but its release could not be recorded: %v; deploy it again", w.stack, err)}
	}
	w.changed = false
	w.sayRollbackOver(r)
	if err := w.dropOldSecrets(ctx); err != nil {
		w.say("former secrets stay until the next deployment: %v", err)
	}
	return Result{Outcome: Runs, Release: r.Number, Images: imagesOf(p.specs),
		Verdict: fmt.Sprintf("%s: release %d runs", w.stack, r.Number)}
}

// sayRollbackOver names the releases that are no longer listed after a deployment that
// follows a rollback.
func (w *work) sayRollbackOver(r Release) {
	last := w.history.last()
	if last == nil || last.RolledBack == nil || r.RolledBack != nil || len(last.RolledBack.Left) == 0 {
		return
	}
	var numbers []string
	for _, left := range last.RolledBack.Left {
		numbers = append(numbers, strconv.Itoa(left.Number))
	}
	w.say("%s: the rollback to release %d is over; `stackctl releases` no longer lists what it withdrew: %s", w.stack, last.RolledBack.To, strings.Join(numbers, ", "))
}
