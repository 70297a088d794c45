package release

import (
	"context"
	"slices"

	"github.com/docker/docker/api/types/swarm"
)

// Rebalance moves tasks to nodes that run fewer, such as new ones: Swarm itself leaves
// tasks where they are. It restarts the tasks of one service after another, but only of
// services that miss no request meanwhile, and only while that helps. It stops at the first
// service that does not come up. A service may have its turn twice: Swarm places a new task
// while the one that it replaces still counts, so two tasks may come to the new node.
func (d *Deployer) Rebalance(ctx context.Context) Result {
	return d.move(ctx, mover{
		name: "rebalance", wait: d.Settings.Queue, times: 2, next: State.uneven,
		doing:   "spreading its tasks over the nodes again",
		nothing: "tasks are already spread as evenly as possible; nothing was moved",
		moved:   "spread the tasks of these services over the nodes again: ",
	})
}

// uneven tells whether a service can be restarted and whether its tasks would then be spread
// better.
func (s State) uneven(scene scene, service swarm.Service) bool {
	return movable(service.Spec) && scene.judge(service, false).condition == isUp && scene.isUneven(service, scene.loads())
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
