package release

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// scene is the nodes and tasks of the Swarm, against which a service's tasks are judged.
type scene struct {
	nodes map[string]swarm.Node
	tasks map[string][]swarm.Task // by the service's id, newest first
}

func newScene(nodes []swarm.Node, tasks []swarm.Task) scene {
	s := scene{nodes: map[string]swarm.Node{}, tasks: map[string][]swarm.Task{}}
	for _, node := range nodes {
		s.nodes[node.ID] = node
	}
	for _, task := range tasks {
		if !evicted(task) && !past(task, s.nodes) {
			s.tasks[task.ServiceID] = append(s.tasks[task.ServiceID], task)
		}
	}
	for _, list := range s.tasks {
		slices.SortStableFunc(list, func(a, b swarm.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
	}
	return s
}

// isOld tells whether Swarm's reason why a task waits is from a time when a node was away,
// although no node is away any more. Swarm renews the reason for every task that it has not
// forgotten.
func (s scene) isOld(reason string) bool {
	if !strings.Contains(reason, "not available for new tasks") {
		return false
	}
	for _, node := range s.nodes {
		if !takes(node) {
			return false
		}
	}
	return true
}

// isThere tells whether a task of a service runs, of whatever spec.
func (s scene) isThere(service swarm.Service) bool {
	return slices.ContainsFunc(s.tasks[service.ID], s.runs)
}
