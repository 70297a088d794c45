package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Rebalance moves tasks to nodes that run fewer, such as new ones: Swarm itself leaves
// tasks where they are. It restarts the tasks of one service after another, but only of
// services that miss no request meanwhile, and only while that helps. It stops at the first
// service that does not come up.
func (d *Deployer) Rebalance(ctx context.Context) Result {
	w := &work{Deployer: d, stack: "rebalance", began: d.now()}
	if err := d.know(ctx); err != nil {
		return w.fail("docker", err)
	}
	stacks, err := d.stacks(ctx)
	if err != nil {
		return w.fail("docker", err)
	}
	var moved []string
	for _, stack := range stacks {
		if paused, err := d.paused(ctx, stack); err != nil || paused != nil {
			if err != nil {
				return w.fail("docker", err)
			}
			d.say("%s: paused until %s: %s", stack, paused.Until.Format("15:04 MST"), paused.Why)
			continue
		}
		result := d.change(ctx, stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
			names, result := w.rebalance(ctx)
			moved = append(moved, names...)
			return result
		})
		if result.Outcome != Runs {
			return result
		}
	}
	verdict := "tasks are already spread as evenly as possible; nothing was moved"
	if len(moved) > 0 {
		verdict = "spread the tasks of these services over the nodes again: " + strings.Join(moved, ", ")
	}
	return Result{Outcome: Runs, Verdict: verdict, Seconds: d.now().Sub(w.began).Seconds()}
}

// rebalance is described at Rebalance. It returns the services that it moved.
func (w *work) rebalance(ctx context.Context) (moved []string, result Result) {
	for {
		state, err := w.state(ctx, "")
		if err != nil {
			return moved, w.fail("docker", err)
		}
		next := state.uneven(w.stack, moved)
		if next == nil {
			return moved, Result{Outcome: Runs}
		}
		name := next.Spec.Name
		w.say("%s: spreading its tasks over the nodes again", name)
		moved = append(moved, name)
		if err := w.force(ctx, next.ID); err != nil {
			return moved, w.fail("docker", serviceError{name, err})
		}
		only := stackfile.Specs{Services: map[string]swarm.ServiceSpec{name: next.Spec}}
		problems, err := w.until(ctx, w.stack, only, []string{name}, w.leaves)
		switch {
		case err != nil:
			return moved, w.fail("docker", fmt.Errorf("%s: stopped while its tasks were being spread; Swarm continues: %w", name, err))
		case len(problems) > 0:
			w.explain(problems)
			return moved, Result{Outcome: Failed, Problems: problems,
				Verdict: fmt.Sprintf("%s did not come up after its tasks were restarted to spread them; stopped there: %s; `stackctl status %s` shows its state, and another deployment repairs it", name, reasons(problems), w.stack)}
		}
	}
}

// uneven is the first service of a stack, by name, that can be restarted and whose tasks
// would then be spread better; nil if there is none.
func (s State) uneven(stack string, moved []string) *swarm.Service {
	scene := newScene(s.Nodes, s.Tasks)
	loads := scene.loads()
	services := s.of(stack).Services
	slices.SortFunc(services, func(a, b swarm.Service) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	for _, service := range services {
		if !slices.Contains(moved, service.Spec.Name) && movable(service.Spec) && scene.judge(service, false).condition == isUp && scene.isUneven(service, loads) {
			return &service
		}
	}
	return nil
}

// movable tells whether a service's tasks can be restarted on other nodes while the service
// keeps answering, and without leaving anything behind. It needs at least two replicas, a
// new task that is up before the old one is removed, no port of the node itself, and no
// data on the node.
func movable(spec swarm.ServiceSpec) bool {
	config := spec.UpdateConfig
	if spec.Mode.Replicated == nil || spec.Mode.Replicated.Replicas == nil || *spec.Mode.Replicated.Replicas < 2 ||
		config == nil || config.Order != swarm.UpdateOrderStartFirst || len(localData(spec)) > 0 {
		return false
	}
	return spec.EndpointSpec == nil || !slices.ContainsFunc(spec.EndpointSpec.Ports, func(p swarm.PortConfig) bool { return p.PublishMode == swarm.PortConfigPublishModeHost })
}

// loads are how many tasks run on each node, by its id.
func (s scene) loads() map[string]int {
	loads := map[string]int{}
	for _, tasks := range s.tasks {
		for _, task := range tasks {
			if s.runs(task) {
				loads[task.NodeID]++
			}
		}
	}
	return loads
}

// isUneven tells whether Swarm would now place a task of the service on another node. Swarm
// chooses the node with the fewest tasks of the service, and among those the one with the
// fewest tasks in total.
func (s scene) isUneven(service swarm.Service, loads map[string]int) bool {
	own := map[string]int{}
	for _, task := range s.tasks[service.ID] {
		if s.runs(task) {
			own[task.NodeID]++
		}
	}
	for _, from := range s.nodes {
		for _, to := range s.nodes {
			if !accepts(service.Spec.TaskTemplate.Placement, to) {
				continue
			}
			fewer := own[from.ID] - own[to.ID]
			if fewer >= 2 || fewer == 1 && loads[from.ID]-loads[to.ID] >= 2 {
				return true
			}
		}
	}
	return false
}
