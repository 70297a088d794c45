package release

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// inWindow is a moment at which nodes may reboot, and sunday the window.
var (
	inWindow  = time.Date(2026, 11, 29, 3, 30, 0, 0, time.UTC)
	sunday, _ = ParseWindow("Sunday 03:00-05:00")
)

// wardOf is a Swarm's in which all is well, and every node has to reboot.
func wardOf(names ...string) ward {
	w := ward{window: sunday}
	for _, node := range newMemory(names...).nodes {
		node.Description.Engine.Labels = map[string]string{labelReboot: "linux-image-6.12"}
		w.nodes = append(w.nodes, node)
	}
	return w
}

func TestWorkersRebootFirstAndTheLeaderLast(t *testing.T) {
	w := wardOf("manager-1", "manager-2", "manager-3", "worker-1", "worker-2")
	for _, want := range strings.Fields("worker-1 worker-2 manager-2 manager-3 manager-1") {
		what, node, _ := w.next(inWindow)
		if what != begin || node.Description.Hostname != want {
			t.Fatalf("move %d of %s, want %s", what, node.Description.Hostname, want)
		}
		for i := range w.nodes {
			if w.nodes[i].ID == node.ID {
				w.nodes[i].Description.Engine.Labels = nil
			}
		}
	}
	if what, _, why := w.next(inWindow); what != rest || why != "" {
		t.Errorf("when nothing is due: move %d, %q", what, why)
	}
}

// namesAll tells whether a reason contains all parts; " ... " separates them.
func namesAll(why, parts string) bool {
	return !slices.ContainsFunc(strings.Split(parts, " ... "), func(part string) bool { return !strings.Contains(why, part) })
}

// A reason that keeps the first node from rebooting keeps all nodes from it.
func TestNoNodeRebootsUnless(t *testing.T) {
	for name, test := range map[string]struct {
		now   time.Time
		spoil func(*ward)
		want  string
	}{
		"the window is open":     {inWindow.Add(2 * time.Hour), func(*ward) {}, outsideWindow},
		"there is a window":      {inWindow, func(w *ward) { w.window = Window{} }, outsideWindow},
		"nobody deploys":         {inWindow, func(w *ward) { w.busy = "a deployment of aver" }, "a deployment of aver"},
		"services run":           {inWindow, func(w *ward) { w.unwell = "aver_api" }, "aver_api"},
		"all nodes are ready":    {inWindow, func(w *ward) { w.nodes[4].Status.State = swarm.NodeStateDown }, "worker-2 ... down"},
		"nobody rebuilds one":    {inWindow, func(w *ward) { w.nodes[4].Spec.Labels[labelHold] = "leaving" }, "worker-2 ... `pulumi up`"},
		"all managers are heard": {inWindow, func(w *ward) { w.nodes[1].ManagerStatus.Reachability = swarm.ReachabilityUnreachable }, "manager-2 ... unreachable"},
	} {
		w := wardOf("manager-1", "manager-2", "manager-3", "worker-1", "worker-2")
		test.spoil(&w)
		if what, _, why := w.next(test.now); what != rest || !namesAll(why, test.want) {
			t.Errorf("%s: move %d, %q, want %q", name, what, why, test.want)
		}
	}
	two := wardOf("manager-1", "manager-2")
	if what, _, why := two.next(inWindow); what != rest || why == "" {
		t.Errorf("one of two managers: move %d, %q", what, why)
	}
	if what, _, _ := wardOf("manager").next(inWindow); what != begin {
		t.Errorf("a sole manager: move %d", what)
	}
}

// A node that somebody holds is left alone, and no node has two turns in one window.
func TestNodesThatHaveNoTurn(t *testing.T) {
	w := wardOf("manager", "worker-1", "worker-2")
	w.nodes[1].Spec.Labels[labelHold] = "a new disk"
	w.nodes[2].Spec.Labels[labelRebooted] = inWindow.Add(-10 * time.Minute).Format(time.RFC3339)
	if what, node, _ := w.next(inWindow); what != begin || node.Description.Hostname != "manager" {
		t.Errorf("move %d of %s", what, node.Description.Hostname)
	}
	if what, node, _ := w.next(inWindow.AddDate(0, 0, 7)); what != begin || node.Description.Hostname != "worker-2" {
		t.Errorf("a week later: move %d of %s", what, node.Description.Hostname)
	}
}

// A reboot that has begun is completed, whatever else is wrong, and even if the window has
// closed. No other one begins.
func TestARebootThatHasBegun(t *testing.T) {
	const drain, active = swarm.NodeAvailabilityDrain, swarm.NodeAvailabilityActive
	for name, test := range map[string]struct {
		minutes      int
		availability swarm.NodeAvailability
		state        swarm.NodeState
		due          string
		received     bool
		want         move
		says         string
	}{
		"the order is under way":       {1, active, swarm.NodeStateReady, "kernel", false, rest, "reboots"},
		"the order arrived":            {1, active, swarm.NodeStateReady, "kernel", true, vacate, ""},
		"it was empty and went":        {1, active, swarm.NodeStateDown, "kernel", true, vacate, ""},
		"the order got lost":           {4, active, swarm.NodeStateReady, "kernel", false, abandon, "order"},
		"its tasks go":                 {5, drain, swarm.NodeStateReady, "kernel", true, rest, "reboots"},
		"it is away":                   {6, drain, swarm.NodeStateDown, "kernel", false, rest, "reboots"},
		"it is back":                   {7, drain, swarm.NodeStateReady, "", true, complete, ""},
		"it does not reboot":           {21, drain, swarm.NodeStateReady, "kernel", true, abandon, " 20m0s"},
		"it does not come back":        {200, drain, swarm.NodeStateDown, "kernel", true, rest, " 03:30 UTC; ... `docker node update --label-rm averazure.hold worker-2`"},
		"it comes back after all that": {300, drain, swarm.NodeStateReady, "", true, complete, ""},
	} {
		w := wardOf("manager", "worker-1", "worker-2")
		w.unwell, w.ordered, w.received = "aver_api", "id-worker-2", test.received
		node := &w.nodes[2]
		node.Spec.Labels[labelHold] = holdReboot + inWindow.Format(time.RFC3339)
		node.Spec.Availability, node.Status.State = test.availability, test.state
		node.Description.Engine.Labels[labelReboot] = test.due
		what, got, why := w.next(inWindow.Add(time.Duration(test.minutes) * time.Minute))
		if what != test.want || got.ID != node.ID || !namesAll(why, test.says) {
			t.Errorf("%s: move %d of %s, %q", name, what, got.Description.Hostname, why)
		}
	}
}
