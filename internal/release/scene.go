package release

import (
	"slices"

	"github.com/docker/docker/api/types/swarm"
)

// A service's tasks are read against these.
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
