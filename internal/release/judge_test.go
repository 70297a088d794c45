package release

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// Seen after a start-first update that Swarm rolled back itself: the former tasks still
// ran, and the tasks that were to replace them again were shut down at once.
func TestTaskThatStillRunsCountsAfterARollback(t *testing.T) {
	good, bad := service("api", "run:1"), service("api", "run:2")
	node := swarm.Node{ID: "n", Status: swarm.NodeStatus{State: swarm.NodeStateReady}, Spec: swarm.NodeSpec{Availability: swarm.NodeAvailabilityActive}}
	task := func(slot, second int, spec swarm.ServiceSpec, wanted, is swarm.TaskState) swarm.Task {
		return swarm.Task{
			Meta: swarm.Meta{CreatedAt: time.Unix(int64(second), 0)}, ServiceID: "api", NodeID: "n", Slot: slot,
			Spec: spec.TaskTemplate, DesiredState: wanted, Status: swarm.TaskStatus{State: is},
		}
	}
	tasks := []swarm.Task{
		task(1, 1, good, swarm.TaskStateRunning, swarm.TaskStateRunning),
		task(1, 2, bad, swarm.TaskStateShutdown, swarm.TaskStateFailed),
		task(1, 3, good, swarm.TaskStateShutdown, swarm.TaskStateShutdown),
		task(2, 1, good, swarm.TaskStateRunning, swarm.TaskStateRunning),
	}
	live := swarm.Service{ID: "api", Spec: good, UpdateStatus: &swarm.UpdateStatus{State: swarm.UpdateStateRollbackCompleted}}
	if f := newScene([]swarm.Node{node}, tasks).judge(live, false); f.condition != isUp {
		t.Errorf("%d of %d run: %v %s", f.up, f.want, f.condition, f.reason)
	}
	tasks[0].DesiredState, tasks[0].Status.State = swarm.TaskStateShutdown, swarm.TaskStateShutdown
	if f := newScene([]swarm.Node{node}, tasks).judge(live, false); f.condition == isUp {
		t.Error("nothing runs in the first slot")
	}
}

// Seen when another node changed just when a service got a constraint that no node meets:
// Swarm took the former task from its node, which does not count as a failure.
func TestTaskThatSwarmTookFromItsNodeHasNotFailed(t *testing.T) {
	homeless := service("api", "run", on("node.labels.nowhere == yes"))
	node := swarm.Node{ID: "n", Status: swarm.NodeStatus{State: swarm.NodeStateReady}, Spec: swarm.NodeSpec{Availability: swarm.NodeAvailabilityActive}}
	taken := swarm.Task{Meta: swarm.Meta{CreatedAt: time.Unix(1, 0)}, ServiceID: "api", NodeID: "n", Slot: 1, Spec: homeless.TaskTemplate, DesiredState: swarm.TaskStateShutdown,
		Status: swarm.TaskStatus{State: swarm.TaskStateRejected, Message: "task rejected by constraint enforcer", Err: "assigned node no longer meets constraints"}}
	waits := swarm.Task{Meta: swarm.Meta{CreatedAt: time.Unix(2, 0)}, ServiceID: "api", Slot: 1, Spec: homeless.TaskTemplate, DesiredState: swarm.TaskStateRunning,
		Status: swarm.TaskStatus{State: swarm.TaskStatePending, Err: "no suitable node (scheduling constraints not satisfied on 1 node)"}}
	live := swarm.Service{ID: "api", Spec: homeless}
	if f := newScene([]swarm.Node{node}, []swarm.Task{taken, waits}).judge(live, true); f.condition != isHomeless {
		t.Errorf("%v: %s", f.condition, f.reason)
	}
	if f := newScene([]swarm.Node{node}, []swarm.Task{taken}).judge(live, true); f.condition == isFailed {
		t.Errorf("before another one follows: %v: %s", f.condition, f.reason)
	}
}

// Seen when the first of three managers was cut off in the middle of a push. The update
// waited for a task on that manager, while another task ran in its place, and the former
// task beside that.
func TestUpdateThatWaitsForALostNodeIsHelped(t *testing.T) {
	former, now := service("api", "run:1"), service("api", "run:2")
	node := func(id string, state swarm.NodeState) swarm.Node {
		return swarm.Node{ID: id, Status: swarm.NodeStatus{State: state}, Spec: swarm.NodeSpec{Availability: swarm.NodeAvailabilityActive}}
	}
	task := func(slot, second int, id string, spec swarm.ServiceSpec, wanted, is swarm.TaskState) swarm.Task {
		return swarm.Task{Meta: swarm.Meta{CreatedAt: time.Unix(int64(second), 0)}, ServiceID: "api", NodeID: id, Slot: slot,
			Spec: spec.TaskTemplate, DesiredState: wanted, Status: swarm.TaskStatus{State: is}}
	}
	tasks := []swarm.Task{
		task(1, 1, "here", former, swarm.TaskStateRunning, swarm.TaskStateRunning),
		task(1, 2, "lost", now, swarm.TaskStateShutdown, swarm.TaskStateAssigned),
		task(1, 3, "here", now, swarm.TaskStateRunning, swarm.TaskStateRunning),
		task(2, 2, "here", now, swarm.TaskStateRunning, swarm.TaskStateRunning),
	}
	live := swarm.Service{ID: "api", Spec: now, UpdateStatus: &swarm.UpdateStatus{State: swarm.UpdateStateUpdating}}
	judge := func(state swarm.NodeState) finding {
		return newScene([]swarm.Node{node("here", swarm.NodeStateReady), node("lost", state)}, tasks).judge(live, true)
	}
	if f := judge(swarm.NodeStateDown); f.condition != isHomeless || f.task == nil || f.task.NodeID != "lost" {
		t.Errorf("%v: %s", f.condition, f.reason)
	}
	if f := judge(swarm.NodeStateReady); f.condition != isStarting {
		t.Errorf("with the node there: %v: %s", f.condition, f.reason)
	}
	tasks[1].Status.State = swarm.TaskStateRunning // as far as the last report says
	if f := judge(swarm.NodeStateDown); f.condition != isStarting {
		t.Errorf("with a task that ran: %v: %s", f.condition, f.reason)
	}
}

// The progress of a rolling update can be read from fields while it runs.
func TestProgressOfAnUpdate(t *testing.T) {
	former, now := service("api", "run:1"), service("api", "run:2")
	replicas := uint64(3)
	now.Mode.Replicated.Replicas = &replicas
	node := swarm.Node{ID: "n", Status: swarm.NodeStatus{State: swarm.NodeStateReady}, Spec: swarm.NodeSpec{Availability: swarm.NodeAvailabilityActive}}
	for far := range 4 {
		var tasks []swarm.Task
		for slot := 1; slot <= 3; slot++ {
			spec := former
			if slot <= far {
				spec = now
			}
			tasks = append(tasks, swarm.Task{Meta: swarm.Meta{CreatedAt: time.Unix(int64(slot), 0)}, ServiceID: "api", NodeID: "n", Slot: slot,
				Spec: spec.TaskTemplate, DesiredState: swarm.TaskStateRunning, Status: swarm.TaskStatus{State: swarm.TaskStateRunning}})
		}
		live := swarm.Service{ID: "api", Spec: now, UpdateStatus: &swarm.UpdateStatus{State: swarm.UpdateStateUpdating}}
		scene := newScene([]swarm.Node{node}, tasks)
		if f := scene.judge(live, true); f.condition != isStarting || f.code != "not-running" || f.up != far || f.want != 3 {
			t.Errorf("%d of 3: %s, %s, %d of %d", far, f.condition, f.code, f.up, f.want)
		}
		if status := scene.status(live); status.Updated != far || status.Desired != 3 || status.Update != "updating" {
			t.Errorf("%d of 3: %+v", far, status)
		}
		live.UpdateStatus.State = swarm.UpdateStateCompleted
		if status := scene.status(live); status.Updated != 0 {
			t.Errorf("after the update: %+v", status)
		}
	}
}
