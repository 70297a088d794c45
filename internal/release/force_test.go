package release

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// A pause keeps the agent from all actions, even for tasks that wait for a node.
func TestAgentForcesNothingWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		if err := d.Pause(t.Context(), stack, time.Hour, "for the test"); err != nil {
			t.Fatal(err)
		}
		a := newAgent(d)
		a.waiting["shop_api"] = d.now().Add(-time.Hour)
		m.dropped, m.tasks = "run", nil
		state, err := d.state(t.Context(), stack)
		for range 3 { // lets time pass
			state, err = d.state(t.Context(), stack)
		}
		if err != nil || newScene(state.Nodes, state.Tasks).judge(state.Services[0], false).condition != isHomeless {
			t.Fatalf("the service is not homeless: %v", err)
		}
		a.round(t.Context(), func() {})
		if n := m.updates["shop_api"]; n != 0 {
			t.Errorf("forced %d times", n)
		}
		if err := d.Resume(t.Context(), stack); err != nil {
			t.Fatal(err)
		}
		a.round(t.Context(), func() {})
		if n := m.updates["shop_api"]; n != 1 {
			t.Errorf("forced %d times after the pause", n)
		}
	})
}

// A task waits that lacks memory or a node to itself, and the service's other tasks keep
// running. Scheduling again would restart all of them, and the task would still lack it.
func TestRunningTasksAreNotForcedForMissingOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		live := m.services[0]
		task := func(slot int, state swarm.TaskState, words string) swarm.Task {
			return swarm.Task{ServiceID: live.ID, Slot: slot, NodeID: "id-worker", Spec: live.Spec.TaskTemplate, DesiredState: swarm.TaskStateRunning,
				Status: swarm.TaskStatus{State: state, Err: words}}
		}
		const full, away = "no suitable node (max replicas per node limit exceed; 1 node not available for new tasks)", "no suitable node (1 node not available for new tasks)"
		const alone = "no suitable node (max replicas per node limit exceed)"
		lost := slices.Clone(m.nodes)
		lost[0].Status.State = swarm.NodeStateDown
		for name, c := range map[string]struct {
			nodes  []swarm.Node
			tasks  []swarm.Task
			forced int
		}{
			"one runs, the other lacks a node of its own": {lost, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, full)}, 0},
			"no node is away":                   {m.nodes, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, alone)}, 0},
			"none runs":                         {lost, []swarm.Task{task(1, swarm.TaskStatePending, full), task(2, swarm.TaskStatePending, full)}, 1},
			"one runs, the other lacks nothing": {m.nodes, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, away)}, 1},
			// When a node is back, Swarm reports again what a task waits for. Here it has
			// forgotten the task.
			"the node that was away is back": {m.nodes, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, full)}, 1},
		} {
			m.updates = map[string]int{}
			a := newAgent(d)
			a.waiting["shop_api"] = d.now().Add(-time.Hour)
			a.schedule(t.Context(), stack, State{Nodes: c.nodes, Tasks: c.tasks, Services: []swarm.Service{live}})
			if n := m.updates["shop_api"]; n != c.forced {
				t.Errorf("%s: forced %d times", name, n)
			}
		}
	})
}

func TestTasksThatWaitAlthoughANodeFitsAreForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		m.dropped = "run:2" // as Swarm's scheduler does after an outage
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
		if m.updates["shop_api"] < 2 {
			t.Error("nobody told Swarm to schedule it again")
		}
	})
}

// A service that waits for its node is not restarted, whatever the state of its update: it
// would not find its way back to the node.
func TestPausedUpdateWaitsForItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		db := service("db", "run:1", on("node.hostname == worker"))
		expect(t, deploys(d, specsOf(service("api", "run:1"), db)), Runs, 1)
		for i := range m.services {
			if m.services[i].Spec.Name == "shop_db" {
				m.services[i].UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStatePaused}
			}
		}
		m.node(t, "worker").Status.State = swarm.NodeStateDown
		expect(t, deploys(d, specsOf(service("api", "run:2"), db)), Runs, 2)
		if n := m.updates["shop_db"]; n != 0 {
			t.Errorf("it was touched %d times", n)
		}
	})
}
