package release

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

func startFirst(s *swarm.ServiceSpec) {
	s.UpdateConfig = &swarm.UpdateConfig{Order: swarm.UpdateOrderStartFirst, FailureAction: swarm.UpdateFailureActionRollback}
}

// grown is a Swarm that runs the services, and to which two nodes were added later.
func grown(t *testing.T, services ...swarm.ServiceSpec) (*memory, *Deployer, *journal) {
	t.Helper()
	m, j := newMemory("manager"), &journal{}
	m.spread = true
	d := newDeployer(t, m)
	d.Say = j.say
	expect(t, deploys(d, specsOf(services...)), Runs, 1)
	m.nodes = append(m.nodes, newMemory("x", "worker-1", "worker-2").nodes[1:]...)
	m.updates = map[string]int{}
	return m, d, j
}

// where are the nodes that run a service, each as often as it has a task.
func (m *memory) where(name string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var nodes []string
	for _, service := range m.services {
		for _, task := range m.ofService(service.ID) {
			if service.Spec.Name == name && runsThere(*task) {
				nodes = append(nodes, task.NodeID)
			}
		}
	}
	slices.Sort(nodes)
	return fmt.Sprint(nodes)
}

// Swarm keeps the last state of the tasks on a node that is down, but nothing runs there.
func TestTasksOfANodeThatIsDownAreNotLoad(t *testing.T) {
	m := newMemory("manager", "worker-1", "worker-2")
	m.node(t, "worker-2").Status.State = swarm.NodeStateDown
	var tasks []swarm.Task
	for i, node := range []string{"manager", "worker-1", "worker-2", "worker-2", "worker-2"} {
		tasks = append(tasks, swarm.Task{ID: fmt.Sprint(i), ServiceID: "api", NodeID: "id-" + node, DesiredState: swarm.TaskStateRunning, Status: swarm.TaskStatus{State: swarm.TaskStateRunning}})
	}
	s := scene{nodes: newScene(m.nodes, nil).nodes, tasks: map[string][]swarm.Task{"api": tasks}}
	if loads := s.loads(); loads["id-worker-2"] != 0 || s.isUneven(swarm.Service{ID: "api"}, loads) {
		t.Errorf("loads %v", loads)
	}
}

func TestRebalanceSpreadsOverNewNodes(t *testing.T) {
	virtual(t, "two of a service", func(t *testing.T) {
		m, d, _ := grown(t, service("api", "run:1", startFirst), service("web", "run:1", startFirst, scaled(3)))
		expect(t, d.Rebalance(t.Context()), Runs, 0)
		if web := m.where("shop_web"); web != "[id-manager id-worker-1 id-worker-2]" {
			t.Errorf("the web runs on %s", web)
		}
		if api := m.where("shop_api"); api == "[id-manager id-manager]" {
			t.Errorf("the API runs on %s", api)
		}
		want := map[string]int{"shop_api": 1, "shop_web": 1}
		if !maps.Equal(m.updates, want) {
			t.Errorf("updates %v, want %v", m.updates, want)
		}
		// A service that is spread is left alone, and nothing differs from the release.
		expect(t, d.Rebalance(t.Context()), Runs, 0)
		if status, err := d.Status(t.Context(), stack); err != nil || !maps.Equal(m.updates, want) || !status.InSync || !status.Healthy {
			t.Errorf("afterwards: updates %v, %+v, %v", m.updates, status.Differences, err)
		}
	})
}

// Services whose tasks cannot be moved remain where they are.
func TestRebalanceLeavesAlone(t *testing.T) {
	for name, option := range map[string]func(*swarm.ServiceSpec){
		"one replica": scaled(1),
		"bound":       bindTo("node.hostname==manager"),
		"its data":    bindTo("node.role!=none", volumeOf("")),
		"stop first":  func(s *swarm.ServiceSpec) { s.UpdateConfig = nil },
		"global":      func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}} },
		"a host port": func(s *swarm.ServiceSpec) {
			s.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{{TargetPort: 80, PublishedPort: 80, PublishMode: swarm.PortConfigPublishModeHost}}}
		},
	} {
		virtual(t, name, func(t *testing.T) {
			m, d, _ := grown(t, service("api", "run:1", startFirst, option))
			expect(t, d.Rebalance(t.Context()), Runs, 0)
			if len(m.updates) > 0 {
				t.Errorf("updates %v", m.updates)
			}
		})
	}
}

func TestRebalanceIgnoresNodesThatTakeNoTasks(t *testing.T) {
	virtual(t, "drained and down", func(t *testing.T) {
		m, d, _ := grown(t, service("api", "run:1", startFirst))
		m.node(t, "worker-1").Spec.Availability = swarm.NodeAvailabilityDrain
		m.node(t, "worker-2").Status.State = swarm.NodeStateDown
		expect(t, d.Rebalance(t.Context()), Runs, 0)
		if len(m.updates) > 0 {
			t.Errorf("updates %v", m.updates)
		}
	})
}

// Many services with one task on each node are each spread well enough, but all together
// they are not.
func TestRebalanceStopsWhenItHelpsNoMore(t *testing.T) {
	virtual(t, "six services", func(t *testing.T) {
		m, j := newMemory("manager", "worker-1"), &journal{}
		m.spread = true
		d := newDeployer(t, m)
		d.Say = j.say
		var services []swarm.ServiceSpec
		for i := range 6 {
			services = append(services, service(fmt.Sprintf("s%d", i), "run:1", startFirst))
		}
		expect(t, deploys(d, specsOf(services...)), Runs, 1)
		m.nodes = append(m.nodes, newMemory("x", "worker-2").nodes[1])
		m.updates = map[string]int{}
		expect(t, d.Rebalance(t.Context()), Runs, 0)
		loads := map[string]int{}
		for _, task := range m.tasks {
			if runsThere(task) {
				loads[task.NodeID]++
			}
		}
		if len(m.updates) == 0 || len(m.updates) == 6 || loads["id-worker-2"] < 3 {
			t.Errorf("updates %v, loads %v", m.updates, loads)
		}
	})
}

// A deployment has priority, a pause is respected, and rebalancing ends at the first
// service that does not come up.
func TestRebalanceMakesWayForADeployment(t *testing.T) {
	virtual(t, "to a deployment", func(t *testing.T) {
		m, d, _ := grown(t, service("api", "run:1", startFirst))
		other := newDeployer(t, m)
		other.node, other.run = "id-worker-1", "another run"
		_, held, err := other.claim(t.Context(), stack, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer held.release(t.Context())
		expect(t, d.Rebalance(t.Context()), Busy, 0, "busy")
		if len(m.updates) > 0 {
			t.Errorf("updates %v", m.updates)
		}
	})
	virtual(t, "to a pause", func(t *testing.T) {
		m, d, _ := grown(t, service("api", "run:1", startFirst))
		if err := d.Pause(t.Context(), stack, backOff, "trying something"); err != nil {
			t.Fatal(err)
		}
		expect(t, d.Rebalance(t.Context()), Runs, 0)
		if len(m.updates) > 0 {
			t.Errorf("updates %v", m.updates)
		}
	})
	virtual(t, "where a service does not come up", func(t *testing.T) {
		m, d, _ := grown(t, service("api", "run:1", startFirst), service("web", "run:1", startFirst))
		m.full, m.fullSays = "id-worker-1", "no space left on device"
		result := d.Rebalance(t.Context())
		if result.Outcome != Failed || result.Stack != stack || len(result.Problems) != 1 || result.Problems[0].Service != "shop_api" || m.updates["shop_web"] > 0 {
			t.Errorf("%+v, updates %v", result, m.updates)
		}
	})
}
