package release

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"
)

func TestANodeRebootsInItsTurn(t *testing.T) {
	s := newShip(t, "manager", "worker-1", "worker-2")
	s.due("worker-1", "worker-2")
	s.round(0)
	one, two := s.m.node(t, "worker-1"), s.m.node(t, "worker-2")
	if _, held := heldSince(*one); !held || s.ordered() != "node.id==id-worker-1" || one.Spec.Availability != swarm.NodeAvailabilityActive {
		t.Fatalf("begins with %+v, order %q", one.Spec, s.ordered())
	}
	s.round(1)
	if one.Spec.Availability != swarm.NodeAvailabilityActive {
		t.Error("it is drained before the order has arrived, which then never does")
	}
	s.arrives(swarm.TaskStateFailed)
	s.round(0)
	if one.Spec.Availability != swarm.NodeAvailabilityDrain {
		t.Error("it has the order and is not drained")
	}
	one.Status.State = swarm.NodeStateDown
	s.round(2)
	if _, held := heldSince(*two); held {
		t.Error("the next one begins while the first is away")
	}
	one.Status.State, one.Description.Engine.Labels = swarm.NodeStateReady, nil
	s.round(1)
	if _, held := one.Spec.Labels[labelHold]; held || one.Spec.Availability != swarm.NodeAvailabilityActive || s.ordered() != "" || one.Spec.Labels[labelNode] != "worker-1" {
		t.Errorf("when it is back: %+v, order %q", one.Spec, s.ordered())
	}
	s.round(1)
	if _, held := heldSince(*two); !held || s.ordered() != "node.id==id-worker-2" {
		t.Errorf("the next one: %+v", two.Spec)
	}
	if s.j.has(" 4m0s") != 1 {
		t.Errorf("%q", s.j.lines)
	}
}

// What runs on a node alone starts elsewhere before the drain. Meanwhile the agent heals
// nothing, and it does not begin while it heals: one process has one claim on a stack.
func TestANodeIsVacatedBeforeItsReboot(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	expect(t, deploys(newDeployer(t, s.m), specsOf(service("api", "run:1"), service("edge", "run:1", startFirst, scaled(1), on("node.hostname!=other")))), Runs, 2)
	at := strings.Trim(strings.TrimPrefix(s.m.where("shop_edge"), "[id-"), "]")
	s.due(at)
	s.round(0)
	s.arrives(swarm.TaskStateFailed)
	s.a.healing("other").busy = true
	s.round(0)
	if now := s.m.node(t, at).Spec.Availability; now != swarm.NodeAvailabilityActive {
		t.Errorf("while a stack is healed, the node is set to %s", now)
	}
	s.a.healing("other").busy = false
	s.a.vacating = "another"
	byHand(s.m, "shop_edge", func(spec *swarm.ServiceSpec) { spec.Labels["somebody"] = "was here" })
	if state, err := s.a.state(t.Context(), ""); err != nil || s.a.tend(t.Context(), stack, nil, state.of(stack), false, true) {
		t.Errorf("while a node is vacated, a stack is healed (%v)", err)
	}
	s.a.vacating = ""
	s.round(0)
	if now := s.m.node(t, at).Spec.Availability; now != swarm.NodeAvailabilityDrain || s.m.where("shop_edge") == "[id-"+at+"]" || s.a.vacated != "" {
		t.Errorf("the node is set to %s, and the edge runs on %s", now, s.m.where("shop_edge"))
	}
}

// If an agent dies between two moves, nothing is lost. The next leader's agent continues.
func TestAnotherAgentContinuesAReboot(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	s.due("worker-1")
	s.m.before = func(method string) error {
		if method == "ServiceCreate" {
			return errdefs.ErrFailedPrecondition
		}
		return nil
	}
	state, err := s.a.state(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.a.maintain(t.Context(), state); err == nil {
		t.Fatal("the order was not given, and nobody says so")
	}
	s.m.before = nil
	s.a = newAgent(s.a.Deployer)
	s.round(1)
	if s.ordered() != "node.id==id-worker-1" {
		t.Errorf("the order is %q", s.ordered())
	}
}

// A node that somebody changes at the same moment is not held, and gets no order yet.
func TestANodeThatIsNotHeldGetsNoOrder(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	s.due("worker-1")
	s.m.before = func(method string) error {
		if method == "NodeUpdate" {
			return errors.New("update out of sequence")
		}
		return nil
	}
	if s.round(0); s.ordered() != "" {
		t.Errorf("the order is %q", s.ordered())
	}
	s.m.before = nil
	if s.round(1); s.ordered() != "node.id==id-worker-1" {
		t.Errorf("the order is %q", s.ordered())
	}
}

// An order that a node cannot accept (it has no image to make a container from) ends the
// node's turn, and the node has no second turn in this window.
func TestANodeThatDoesNotGetItsOrderStaysAsItIs(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	s.due("worker-1")
	s.round(0)
	s.arrives(swarm.TaskStateRejected)
	for range 6 {
		s.round(1)
	}
	worker := s.m.node(t, "worker-1")
	if _, held := worker.Spec.Labels[labelHold]; held || worker.Spec.Availability != swarm.NodeAvailabilityActive || s.ordered() != "" {
		t.Errorf("%+v, order %q", worker.Spec, s.ordered())
	}
	if s.j.has("worker-1: "+journalNotRebooted) != 1 || s.j.has("worker-1: "+journalReboots) != 1 {
		t.Errorf("%q", s.j.lines)
	}
}

// A node that does not come back is reported, even if the window has ended meanwhile.
func TestANodeThatDoesNotComeBackIsReported(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	s.due("worker-1")
	s.round(0)
	s.arrives(swarm.TaskStateFailed)
	s.round(0)
	s.m.node(t, "worker-1").Status.State = swarm.NodeStateDown
	s.round(24 * 60)
	s.round(5)
	if sunday.Open(s.n) || s.j.has("docker node update --label-rm "+labelHold+" worker-1") != 1 {
		t.Errorf("%q", s.j.lines)
	}
}

// Nodes wait while a service does not run, and while a deployment is under way.
func TestRebootsWaitForServicesAndDeployments(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	s.due("worker-1")
	byHand(s.m, "shop_api", func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Image = "crash:1" })
	for range 5 {
		s.round(0)
	}
	if s.ordered() != "" || !slices.ContainsFunc(s.j.lines, func(line string) bool { return namesAll(line, " worker-1:  ... shop_api, ") }) {
		t.Errorf("order %q: %q", s.ordered(), s.j.lines)
	}
	s.n = inWindow.AddDate(0, 0, 1)
	if status, err := s.a.Status(t.Context(), stack); err != nil || !strings.Contains(status.RebootsWait, "shop_api") {
		t.Errorf("status says %q, %v", status.RebootsWait, err)
	}
}

// Reboots do not wait for a service that is bound to a held node: it may wait for months.
func TestRebootsDoNotWaitForPinnedServices(t *testing.T) {
	s := newShip(t, "manager", "worker-1", "worker-2")
	s.due("worker-1")
	held := s.m.node(t, "worker-2")
	held.Spec.Labels[labelHold], held.Spec.Availability = "new disk", swarm.NodeAvailabilityDrain
	if _, err := s.m.ServiceCreate(t.Context(), serviceOf("other", "db", "run:1", on("node.hostname==worker-2")), swarm.ServiceCreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if s.round(0); s.ordered() != "node.id==id-worker-1" {
		t.Errorf("order %q: %q", s.ordered(), s.j.lines)
	}
}

func TestStatusSaysWhatIsDue(t *testing.T) {
	s := newShip(t, "manager", "worker-1")
	for _, test := range []struct {
		due    []string
		window Window
		now    time.Time
		want   string
	}{
		{nil, sunday, inWindow, ""},
		{[]string{"worker-1"}, Window{}, inWindow, ""},
		{[]string{"worker-1"}, sunday, inWindow, "2026-11-29T03:00:00Z"},
		{[]string{"worker-1"}, sunday, inWindow.AddDate(0, 0, 1), "2026-12-06T03:00:00Z"},
	} {
		s.due(test.due...)
		s.n, s.a.Settings.Window = test.now, test.window
		status, err := s.a.Status(t.Context(), stack)
		got := ""
		if status.Reboots != nil {
			got = stamp(*status.Reboots)
		}
		if err != nil || got != test.want {
			t.Errorf("%+v: %s %v", test, got, err)
		}
		for _, node := range status.Nodes {
			if (node.Reboot != "") != slices.Contains(test.due, node.Name) {
				t.Errorf("%s has to reboot for %q", node.Name, node.Reboot)
			}
		}
		if !status.InSync {
			t.Errorf("a reboot that is due counts as drift: %v", status.Differences)
		}
	}
}
