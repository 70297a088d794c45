package release

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

// leaving is a Swarm that ran the service on its only manager, to which a worker was added,
// and whose manager accepts no more tasks.
func leaving(t *testing.T, services ...swarm.ServiceSpec) (*memory, *Deployer) {
	t.Helper()
	m := newMemory("manager")
	m.spread = true
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(services...)), Runs, 1)
	m.nodes = append(m.nodes, newMemory("x", "worker-1").nodes[1:]...)
	m.node(t, "manager").Spec.Availability = swarm.NodeAvailabilityPause
	m.updates = map[string]int{}
	return m, d
}

func TestVacateStartsElsewhereWhatRunsOnlyThere(t *testing.T) {
	for _, name := range []string{"manager", "id-manager"} {
		virtual(t, name, func(t *testing.T) {
			m, d := leaving(t, service("edge", "run:1", startFirst, scaled(1)), service("web", "run:1", startFirst))
			expect(t, d.Vacate(t.Context(), name), Runs, 0)
			for _, one := range []string{"shop_edge", "shop_web"} {
				if m.updates[one] != 1 {
					t.Errorf("%s was updated %d times", one, m.updates[one])
				}
			}
			if edge, web := m.where("shop_edge"), m.where("shop_web"); edge != "[id-worker-1]" || web != "[id-worker-1 id-worker-1]" {
				t.Errorf("the edge runs on %s, the web on %s", edge, web)
			}
			// A service that has moved stays, and nothing differs from the release.
			updates := maps.Clone(m.updates)
			expect(t, d.Vacate(t.Context(), name), Runs, 0)
			m.node(t, "manager").Spec.Labels[labelHold] = holdLeaving
			if status, err := d.Status(t.Context(), stack); err != nil || !maps.Equal(m.updates, updates) || len(status.Differences) != 1 || !status.Healthy {
				t.Errorf("afterwards: updates %v, %+v, %v", m.updates, status.Differences, err)
			}
		})
	}
}

// What cannot start elsewhere first, or runs elsewhere too, stays until the drain.
func TestVacateLeavesAlone(t *testing.T) {
	for name, option := range map[string]func(*swarm.ServiceSpec){
		"bound":      bindTo("node.hostname==manager"),
		"stop first": func(s *swarm.ServiceSpec) { s.UpdateConfig.Order = swarm.UpdateOrderStopFirst },
		"no order":   func(s *swarm.ServiceSpec) { s.UpdateConfig = nil },
		"at 0":       scaled(0),
		"global":     func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}} },
	} {
		virtual(t, name, func(t *testing.T) {
			m, d := leaving(t, service("api", "run:1", startFirst, option))
			expect(t, d.Vacate(t.Context(), "manager"), Runs, 0)
			if len(m.updates) > 0 {
				t.Errorf("updates %v", m.updates)
			}
		})
	}
	virtual(t, "runs elsewhere too", func(t *testing.T) {
		m, d, _ := grown(t, service("api", "run:1", startFirst))
		expect(t, d.Rebalance(t.Context()), Runs, 0)
		m.node(t, "worker-1").Spec.Availability, m.updates = swarm.NodeAvailabilityPause, map[string]int{}
		if expect(t, d.Vacate(t.Context(), "worker-1"), Runs, 0); len(m.updates) > 0 {
			t.Errorf("updates %v", m.updates)
		}
	})
	virtual(t, "a pause", func(t *testing.T) {
		m, d := leaving(t, service("api", "run:1", startFirst))
		if err := d.Pause(t.Context(), stack, backOff, "trying something"); err != nil {
			t.Fatal(err)
		}
		if expect(t, d.Vacate(t.Context(), "manager"), Runs, 0); len(m.updates) > 0 {
			t.Errorf("updates %v", m.updates)
		}
	})
	virtual(t, "no other node", func(t *testing.T) {
		m, d := leaving(t, service("api", "run:1", startFirst))
		m.node(t, "worker-1").Status.State = swarm.NodeStateDown
		if expect(t, d.Vacate(t.Context(), "manager"), Runs, 0); len(m.updates) > 0 {
			t.Errorf("updates %v", m.updates)
		}
	})
}

func TestVacateRefuses(t *testing.T) {
	virtual(t, "a node that accepts tasks, or is unknown", func(t *testing.T) {
		_, d := leaving(t, service("api", "run:1", startFirst))
		expect(t, d.Vacate(t.Context(), "worker-1"), Refused, 0, "node-active")
		expect(t, d.Vacate(t.Context(), "worker-7"), Refused, 0, "unknown-node")
	})
}

// Two nodes that are drained at once may have all tasks of a service between them.
func TestVacateOfSeveralNodes(t *testing.T) {
	virtual(t, "two workers", func(t *testing.T) {
		m := newMemory("manager", "worker-1", "worker-2", "worker-3")
		m.spread = true
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1", startFirst, on("node.role==worker")))), Runs, 1)
		before, left := m.where("shop_api"), ""
		for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
			if strings.Contains(before, name) {
				m.node(t, name).Spec.Availability = swarm.NodeAvailabilityPause
			} else {
				left += name
			}
		}
		for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
			if name != left {
				expect(t, d.Vacate(t.Context(), name), Runs, 0)
			}
		}
		if want := fmt.Sprintf("[id-%s id-%s]", left, left); m.where("shop_api") != want || m.updates["shop_api"] != 1 {
			t.Errorf("it ran on %s, and now on %s, want %s; %d updates", before, m.where("shop_api"), want, m.updates["shop_api"])
		}
	})
}

// A stack that is being deployed, or a service that does not come up, keeps no other service
// from moving.
func TestVacateGoesOn(t *testing.T) {
	virtual(t, "after a busy stack", func(t *testing.T) {
		m, d := leaving(t, service("api", "run:1", startFirst))
		m.node(t, "manager").Spec.Availability, m.node(t, "worker-1").Spec.Availability = swarm.NodeAvailabilityActive, swarm.NodeAvailabilityPause
		expect(t, deploysAs(d, "zoo", specsOf(serviceOf("zoo", "edge", "run:1", startFirst))), Runs, 1)
		m.node(t, "manager").Spec.Availability, m.node(t, "worker-1").Spec.Availability = swarm.NodeAvailabilityPause, swarm.NodeAvailabilityActive
		other := newDeployer(t, m)
		other.node, other.run = "id-worker-1", "another run"
		_, held, err := other.claim(t.Context(), stack, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer held.release(t.Context())
		m.updates = map[string]int{}
		if result := d.Vacate(t.Context(), "manager"); result.Outcome == Runs || m.updates["shop_api"] > 0 {
			t.Errorf("%+v, updates %v", result, m.updates)
		}
		if edge := m.where("zoo_edge"); strings.Contains(edge, "manager") {
			t.Errorf("the edge runs on %s", edge)
		}
	})
}

// A service that does not start elsewhere is named.
func TestVacateNamesWhatDoesNotStartElsewhere(t *testing.T) {
	virtual(t, "a full node", func(t *testing.T) {
		m, d := leaving(t, service("api", "run:1", startFirst, scaled(1)))
		m.full, m.fullSays = "id-worker-1", "no space left on device"
		result := d.Vacate(t.Context(), "manager")
		if result.Outcome != Failed || len(result.Problems) != 1 || result.Problems[0].Service != "shop_api" {
			t.Errorf("%+v", result)
		}
	})
}
