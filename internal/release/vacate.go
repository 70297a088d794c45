package release

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// vacateBound is how long Vacate works. To give up its claim may take a moment longer.
const vacateBound = 100 * time.Second

// Vacate prepares the drain of a node, given by its name or id. Swarm ends the tasks of a
// drained node before it starts others, so a service that runs only there would be away for
// a moment. Vacate starts such a service on another node first, if the service starts its
// new tasks before it stops the old ones. The node must not accept tasks any more.
func (d *Deployer) Vacate(ctx context.Context, name string) Result {
	ctx, cancel := context.WithTimeout(ctx, vacateBound)
	defer cancel()
	w := &work{Deployer: d, stack: "vacate", began: d.now()}
	node, err := d.named(ctx, name)
	switch {
	case err != nil:
		return w.fail("docker", err)
	case node == nil:
		return refuse("unknown-node", fmt.Errorf("the Swarm has no node %s; `docker node ls` names them", name))
	case takes(*node):
		return refuse("node-active", fmt.Errorf("%s still accepts tasks; `docker node update --label-add %s=WHY --availability pause %s` comes first", name, labelHold, name))
	}
	return d.move(ctx, mover{
		name: "vacate", wait: d.Settings.Patience, times: 1, all: true,
		next:    func(s State, scene scene, service swarm.Service) bool { return s.confined(scene, service, node.ID) },
		doing:   "starting it on another node before " + node.Description.Hostname + " is drained",
		nothing: "no service has to be moved off " + node.Description.Hostname + " before it is drained",
		moved:   "moved off " + node.Description.Hostname + " before it is drained: ",
	})
}

// named is the node with a name or an id; nil if there is none.
func (d *Deployer) named(ctx context.Context, name string) (*swarm.Node, error) {
	nodes, err := d.nodes(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(nodes, func(n swarm.Node) bool { return n.ID == name })
	if at < 0 {
		at = slices.IndexFunc(nodes, func(n swarm.Node) bool { return n.Description.Hostname == name })
	}
	if at < 0 {
		return nil, nil
	}
	return &nodes[at], nil
}

// confined tells whether a service runs on a node and on no other that accepts tasks, and
// can start on another before it stops there. Several nodes may be drained at once: then
// each of them may have a task of the service.
func (s State) confined(scene scene, service swarm.Service, node string) bool {
	spec := service.Spec
	if spec.Mode.Replicated == nil || spec.UpdateConfig == nil || spec.UpdateConfig.Order != swarm.UpdateOrderStartFirst ||
		!slices.ContainsFunc(s.Nodes, func(n swarm.Node) bool { return accepts(spec.TaskTemplate.Placement, n) }) {
		return false
	}
	runs := false
	for _, task := range scene.tasks[service.ID] {
		if scene.runs(task) {
			if takes(scene.nodes[task.NodeID]) {
				return false
			}
			runs = runs || task.NodeID == node
		}
	}
	is := scene.judge(service, false).condition
	return runs && (is == isUp || is == isStarting)
}
