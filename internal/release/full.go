package release

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// codeFull is the code of a task that failed because its node's disk is full.
const codeFull = "disk-full"

// noRoom tells whether a task failed because its node's disk is full. If Docker cannot pull
// an image, it only says that there is no such image; then the node's label tells.
func noRoom(task swarm.Task, node swarm.Node) bool {
	return strings.Contains(task.Status.Err, "no space left on device") ||
		strings.Contains(task.Status.Err, "No such image") && node.Description.Engine.Labels[labelDisk] != ""
}

// past tells whether a failure cannot happen again: the task's node was full, and accepts
// no more tasks.
func past(task swarm.Task, nodes map[string]swarm.Node) bool {
	node, known := nodes[task.NodeID]
	return known && ended(task) && noRoom(task, node) && !takes(node)
}

// aside pauses the nodes with a full disk, if that is the only problem and everything that
// failed there fits another node: then another attempt may succeed. Tasks on a paused node
// keep running. If this run cannot make it active again, the agent does.
func (w *work) aside(ctx context.Context, p plan, problems []Problem) (bool, error) {
	nodes, err := w.nodes(ctx)
	if err != nil {
		return false, err
	}
	full := fullNodes(problems)
	if full == nil {
		return false, nil
	}
	for _, problem := range problems {
		placement := p.specs.Services[problem.Service].TaskTemplate.Placement
		if !slices.ContainsFunc(nodes, func(n swarm.Node) bool {
			return accepts(placement, n) && !full[n.Description.Hostname]
		}) {
			return false, nil
		}
	}
	return w.pauseNodes(ctx, nodes, full)
}

// pauseNodes pauses those of the nodes that are full, and tells whether any of them
// accepted tasks.
func (w *work) pauseNodes(ctx context.Context, nodes []swarm.Node, full map[string]bool) (bool, error) {
	before := len(w.paused)
	for _, node := range nodes {
		if !full[node.Description.Hostname] || !takes(node) {
			continue
		}
		w.say("the disk of %s is full; trying without this node", node.Description.Hostname)
		w.paused = append(w.paused, node.ID)
		if err := w.available(ctx, node, swarm.NodeAvailabilityPause); err != nil {
			return false, err
		}
	}
	return len(w.paused) > before, nil
}

// fullNodes are the nodes on which tasks failed because of a full disk, by name; nil if
// anything else failed.
func fullNodes(problems []Problem) map[string]bool {
	full := map[string]bool{}
	for _, problem := range problems {
		if problem.Code != codeFull || problem.Node == "" {
			return nil
		}
		full[problem.Node] = true
	}
	return full
}

// takeBack makes the nodes that aside paused active again.
func (w *work) takeBack(ctx context.Context) {
	if len(w.paused) == 0 {
		return
	}
	nodes, err := w.nodes(ctx)
	for _, node := range nodes {
		if _, held := node.Spec.Labels[labelHold]; !held && slices.Contains(w.paused, node.ID) && node.Spec.Availability == swarm.NodeAvailabilityPause {
			if problem := w.available(ctx, node, swarm.NodeAvailabilityActive); problem != nil {
				err = problem
			}
		}
	}
	if err != nil {
		w.say("%s; the agent will make the nodes with a full disk accept tasks again", firstLine(err))
	}
}

func (w *work) available(ctx context.Context, node swarm.Node, availability swarm.NodeAvailability) error {
	node.Spec.Availability = availability
	return w.once(ctx, func(ctx context.Context) error { return w.Swarm.NodeUpdate(ctx, node.ID, node.Version, node.Spec) })
}
