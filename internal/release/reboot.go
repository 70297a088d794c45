package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// A node announces that it has to reboot with a label of its engine, whose value says what
// for (cluster/scripts/reboot.sh). It removes the label after the reboot. The leader's
// agent makes such nodes reboot, one after another. All the information that it uses is in
// the Swarm, so it does not matter which manager leads, nor that the leader reboots as
// well.
const (
	labelReboot   = "averazure.reboot"   // of the engine: what the reboot is for
	labelRebooted = "averazure.rebooted" // of the node: when it last had its turn
	// holdLeaving is the value of labelHold on a node that `pulumi up` rebuilds, restarts or
	// takes out (cluster/scripts/member.sh).
	holdLeaving = "leaving"
	// holdReboot begins the value of labelHold; the time since when follows.
	holdReboot = "reboot since "
)

// orderName is the service by which a node is told to reboot: a node accepts tasks, and
// gets no other messages from the managers. Its only task, which runs nothing, is the
// order.
const orderName = "averazure-reboot"

const (
	// orderBound is how long the order may take to arrive, and rebootBound how long the
	// whole reboot may take.
	orderBound  = 3 * time.Minute
	rebootBound = 20 * time.Minute
)

// move is the next thing to do about reboots.
type move int

const (
	rest     move = iota // nothing; the reason says what it waits for
	begin                // hold the node, and give it the order
	vacate               // the order has arrived: drain the node, and it reboots when it is empty
	complete             // the node is back: let it accept tasks again
	abandon              // the node took too long, and is ready: let it accept tasks, and report it
)

// outsideWindow is the reason why a node waits if only the window prevents its reboot.
const outsideWindow = "waits for the maintenance window"

// ward is the information that decides about reboots.
type ward struct {
	nodes    []swarm.Node
	window   Window
	busy     string // who deploys; empty for nobody
	unwell   string // which service does not run, though it could; empty for none
	ordered  string // the id of the node that the order is for; empty for none
	received bool   // the order has arrived on that node
}

// next is the next move and the node for it.
func (w ward) next(now time.Time) (move, swarm.Node, string) {
	for _, node := range w.nodes {
		if since, held := heldSince(node); held {
			return w.goOn(node, now.Sub(since))
		}
	}
	due := w.due(now)
	if len(due) == 0 {
		return rest, swarm.Node{}, ""
	}
	if why := w.unsafe(due[0]); why != "" {
		return rest, due[0], why
	}
	if !w.window.Open(now) {
		return rest, due[0], outsideWindow
	}
	return begin, due[0], due[0].Description.Engine.Labels[labelReboot]
}

// goOn is the next move about a node whose reboot has begun. The window's end does not stop it.
func (w ward) goOn(node swarm.Node, took time.Duration) (move, swarm.Node, string) {
	here := up(node) && (node.ManagerStatus == nil || node.ManagerStatus.Reachability == swarm.ReachabilityReachable)
	drained := node.Spec.Availability == swarm.NodeAvailabilityDrain
	switch {
	case here && drained && node.Description.Engine.Labels[labelReboot] == "":
		return complete, node, ""
	case !drained && w.ordered == node.ID && w.received:
		return vacate, node, ""
	case here && !drained && took > orderBound:
		return abandon, node, "did not receive the order to reboot"
	case here && took > rebootBound:
		return abandon, node, fmt.Sprintf("has not rebooted after %s", rebootBound)
	case took > rebootBound:
		return rest, node, fmt.Sprintf("IS NOT BACK; it began to reboot at %s; no other node reboots until it is back, or until `docker node update --label-rm %s %s` gives it up", beganAt(node), labelHold, node.Description.Hostname)
	}
	return rest, node, "reboots"
}

// due are the nodes that have to reboot and did not have a turn in this window: workers
// first, the leader last.
func (w ward) due(now time.Time) []swarm.Node {
	rank := func(node swarm.Node) int {
		switch {
		case node.ManagerStatus == nil:
			return 0
		case !node.ManagerStatus.Leader:
			return 1
		}
		return 2
	}
	due := slices.DeleteFunc(slices.Clone(w.nodes), func(node swarm.Node) bool {
		last, _ := time.Parse(time.RFC3339, node.Spec.Labels[labelRebooted])
		_, held := node.Spec.Labels[labelHold]
		return node.Description.Engine.Labels[labelReboot] == "" || held || !last.Before(w.window.Latest(now))
	})
	slices.SortFunc(due, func(a, b swarm.Node) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Description.Hostname, b.Description.Hostname))
	})
	return due
}

// unsafe is the reason why a node must not reboot now; empty if it may.
func (w ward) unsafe(node swarm.Node) string {
	managers := 0
	for _, other := range w.nodes {
		if other.ManagerStatus != nil {
			managers++
		}
		if state := stateOf(other); state != string(swarm.NodeStateReady) {
			return fmt.Sprintf("waits for %s, which is %s", other.Description.Hostname, state)
		}
		if other.Spec.Labels[labelHold] == holdLeaving {
			return fmt.Sprintf("waits for %s, which `pulumi up` drained", other.Description.Hostname)
		}
	}
	switch {
	case node.ManagerStatus != nil && managers == 2: // one of two is not a majority
		return "waits for a third manager"
	case w.busy != "":
		return "waits for " + w.busy
	case w.unwell != "":
		return "waits for " + w.unwell
	}
	return ""
}

// beganAt is when a node's reboot began, the same at every look.
func beganAt(node swarm.Node) string {
	since, _ := heldSince(node)
	return since.UTC().Format("15:04 UTC")
}

// heldSince tells since when a node is held for its reboot.
func heldSince(node swarm.Node) (time.Time, bool) {
	text, held := strings.CutPrefix(node.Spec.Labels[labelHold], holdReboot)
	since, err := time.Parse(time.RFC3339, text)
	return since, held && err == nil
}
