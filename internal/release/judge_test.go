package release

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// Seen after a start-first update that Swarm rolled back itself: the tasks of before
// still ran, and those that were to replace them anew were shut down at once.
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
