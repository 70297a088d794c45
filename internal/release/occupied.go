package release

import (
	"context"
	"slices"

	"github.com/docker/docker/api/types/swarm"
)

// occupied tells whether one of the selected tasks still has a container. Tasks on a node
// that does not answer do not count: Swarm keeps their last state for a day.
func (w *work) occupied(ctx context.Context, meant func(swarm.Task) bool) (bool, error) {
	tasks, err := w.tasks(ctx, w.stack)
	if err != nil {
		return false, err
	}
	nodes, err := w.nodes(ctx)
	if err != nil {
		return false, err
	}
	known := newScene(nodes, nil).nodes
	return slices.ContainsFunc(tasks, func(t swarm.Task) bool { return meant(t) && occupies(t) && up(known[t.NodeID]) }), nil
}
