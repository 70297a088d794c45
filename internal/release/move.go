package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// mover restarts the tasks of one service after another, so that Swarm places them anew.
type mover struct {
	name string        // of the verb
	wait time.Duration // for a deployment of the stack
	// times is how often one service is moved at most.
	times int
	// all says that what does not come up, and a stack that cannot be claimed, does not end
	// the work.
	all bool
	// next tells whether a service is to be moved, as the Swarm is now.
	next func(State, scene, swarm.Service) bool
	// doing, nothing and moved say what is done with a service, that no service had to be
	// moved, and which were; moved is followed by their names.
	doing, nothing, moved string
}

// move moves what a mover names, in every stack that is not paused. Unless the mover is for
// all, it stops at the first service that does not come up.
func (d *Deployer) move(ctx context.Context, m mover) Result {
	w := &work{Deployer: d, stack: m.name, began: d.now()}
	if err := d.know(ctx); err != nil {
		return w.fail("docker", err)
	}
	stacks, err := d.stacks(ctx)
	if err != nil {
		return w.fail("docker", err)
	}
	var moved []string
	var failed *Result
	for _, stack := range stacks {
		if state, err := d.state(ctx, ""); err != nil || state.toMove(stack, m, nil) == nil {
			if err != nil {
				return w.fail("docker", err)
			}
			continue
		}
		if paused, err := d.paused(ctx, stack); err != nil || paused != nil {
			if err != nil {
				return w.fail("docker", err)
			}
			d.say("%s: paused until %s: %s", stack, paused.Until.Format("15:04 MST"), paused.Why)
			continue
		}
		result := d.change(ctx, stack, m.wait, func(ctx context.Context, w *work) Result {
			w.onlyMoves = true
			names, result := w.move(ctx, m)
			moved = append(moved, names...)
			return result
		})
		if result.Outcome != Runs && !m.all {
			return result
		}
		failed = worse(failed, result)
	}
	if failed != nil {
		return *failed
	}
	verdict := m.nothing
	if len(moved) > 0 {
		verdict = m.moved + strings.Join(slices.Compact(slices.Sorted(slices.Values(moved))), ", ")
	}
	return Result{Outcome: Runs, Verdict: verdict, Seconds: d.now().Sub(w.began).Seconds()}
}

// worse is the first of two results that is not good; nil if both are.
func worse(before *Result, now Result) *Result {
	if before != nil || now.Outcome == Runs {
		return before
	}
	return &now
}

// move moves the services of one stack, and returns those that it moved.
func (w *work) move(ctx context.Context, m mover) (moved []string, result Result) {
	result = Result{Outcome: Runs}
	for {
		state, err := w.state(ctx, "")
		if err != nil {
			return moved, w.fail("docker", err)
		}
		next := state.toMove(w.stack, m, moved)
		if next == nil {
			return moved, result
		}
		name := next.Spec.Name
		w.say("%s: %s", name, m.doing)
		moved = append(moved, name)
		if err := w.force(ctx, next.ID); err != nil {
			return moved, w.fail("docker", serviceError{name, err})
		}
		only := stackfile.Specs{Services: map[string]swarm.ServiceSpec{name: next.Spec}}
		problems, err := w.until(ctx, w.stack, only, []string{name}, w.leaves)
		switch {
		case err != nil:
			return moved, w.fail("docker", fmt.Errorf("%s: stopped while its tasks were being moved; Swarm continues: %w", name, err))
		case len(problems) > 0:
			w.explain(problems)
			failed := Result{Outcome: Failed, Problems: problems,
				Verdict: fmt.Sprintf("%s did not come up after its tasks were restarted to move them: %s; `stackctl status %s` shows its state, and another deployment repairs it", name, reasons(problems), w.stack)}
			if !m.all {
				return moved, failed
			}
			if result.Outcome == Runs {
				result = failed
			}
		}
	}
}

// toMove is the first service of a stack, by name, that the mover names and that was not
// moved often enough; nil if there is none.
func (s State) toMove(stack string, m mover, moved []string) *swarm.Service {
	scene := newScene(s.Nodes, s.Tasks)
	services := s.of(stack).Services
	slices.SortFunc(services, func(a, b swarm.Service) int { return strings.Compare(a.Spec.Name, b.Spec.Name) })
	for _, service := range services {
		before := 0
		for _, name := range moved {
			if name == service.Spec.Name {
				before++
			}
		}
		if before < m.times && m.next(s, scene, service) {
			return &service
		}
	}
	return nil
}
