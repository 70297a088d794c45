package release

import (
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/swarm"
)

func TestNodeOnHoldIsLeftAlone(t *testing.T) {
	for _, why := range []string{"a disk is replaced", holdLeaving} {
		virtual(t, why, func(t *testing.T) { nodeOnHoldIsLeftAlone(t, why) })
	}
}

func nodeOnHoldIsLeftAlone(t *testing.T, why string) {
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	worker := m.node(t, "worker")
	worker.Spec.Availability = swarm.NodeAvailabilityDrain
	worker.Spec.Labels[labelHold] = why
	byHand(m, "shop_api", scaled(5))
	expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
	if m.node(t, "worker").Spec.Availability != swarm.NodeAvailabilityDrain {
		t.Error("a node on hold was made active")
	}
}

// While the Swarm elects a leader, Docker may list a manager under another one's name for a
// moment. Its labels, to which services may be bound, stay as they are.
func TestLabelsStayWhileTwoNodesHaveOneName(t *testing.T) {
	m := newMemory("manager", "manager-2")
	m.node(t, "manager-2").Description.Hostname = "manager"
	if found := nodeDifferences(m.nodes); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	m.nodes[1].Description.Hostname = "manager-3"
	if found := nodeDifferences(m.nodes); len(found) != 1 || found[0].Code != CodeNodeLabel {
		t.Errorf("%+v", found)
	}
}

// TestFullNodeIsOnlyReported: a full node cannot be repaired from here, and it makes nothing
// fail.
func TestFullNodeIsOnlyReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		m.node(t, "worker").Description.Engine.Labels = map[string]string{labelDisk: "93"}
		before := m.index
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
		if m.index != before {
			t.Error("something was changed")
		}
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
		status, err := d.Status(t.Context(), stack)
		if err != nil || !status.Healthy || status.InSync || len(status.Differences) != 1 || status.Differences[0].Code != CodeNodeDisk {
			t.Errorf("%v: %+v", err, status)
		}
	})
}
