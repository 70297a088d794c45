package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// present tells whether a task has the spec that the service has now. It compares the same
// parts that Swarm itself compares to decide about new tasks.
// https://github.com/moby/swarmkit/blob/master/manager/orchestrator/task.go (IsTaskDirty)
func (j *judgement) present(task swarm.Task) bool {
	if iteration := j.service.JobStatus; iteration != nil {
		return task.JobIteration != nil && task.JobIteration.Index == iteration.JobIteration.Index
	}
	want := j.service.Spec.TaskTemplate
	return task.Spec.ForceUpdate == want.ForceUpdate &&
		sameJSON(task.Spec.ContainerSpec, want.ContainerSpec) &&
		sameTargets(task.Spec.Networks, want.Networks)
}

func sameTargets(a, b []swarm.NetworkAttachmentConfig) bool {
	targets := func(list []swarm.NetworkAttachmentConfig) []string {
		var names []string
		for _, network := range list {
			names = append(names, network.Target)
		}
		slices.Sort(names)
		return names
	}
	return slices.Equal(targets(a), targets(b))
}

// done tells whether a task's end is what the service is meant to do: it ended with 0, and
// the service does not ask for another start.
func (j *judgement) done(task swarm.Task) bool {
	if task.Status.State != swarm.TaskStateComplete {
		return false
	}
	return isJob(j.service.Spec) || restartsOn(j.service.Spec) != swarm.RestartPolicyConditionAny
}

// restartsOn is when Swarm restarts a service's tasks.
func restartsOn(spec swarm.ServiceSpec) swarm.RestartPolicyCondition {
	if policy := spec.TaskTemplate.RestartPolicy; policy != nil && policy.Condition != "" {
		return policy.Condition
	}
	return swarm.RestartPolicyConditionAny
}

// final tells whether no task follows one that failed: its service is never restarted, or
// has used up its restarts.
func (j *judgement) final(task swarm.Task) bool {
	if task.DesiredState != swarm.TaskStateShutdown {
		return false
	}
	policy := j.service.Spec.TaskTemplate.RestartPolicy
	limited := policy != nil && policy.MaxAttempts != nil && *policy.MaxAttempts > 0
	return restartsOn(j.service.Spec) == swarm.RestartPolicyConditionNone || limited
}

// newestFailure may be of any spec: after Swarm's own rollback, the failed spec is no
// longer the present one.
func (j *judgement) newestFailure() *swarm.Task {
	for _, task := range j.tasks[j.service.ID] {
		if ended(task) && !j.done(task) {
			return &task
		}
	}
	return nil
}

// hopeless tells whether a rejection is caused by the file, as opposed to one that passes,
// such as a network that is being set up. Docker has no code for it, only words.
func hopeless(reason string) bool {
	for _, words := range []string{"No such image", "invalid mount config", "bind source path does not exist", "no such plugin"} {
		if strings.Contains(reason, words) {
			return true
		}
	}
	return false
}

// evicted tells whether Swarm took a task from its node because placement changed on the
// service's or the node's side, whatever the task's spec. The task did not fail: another
// one follows, or finds no node, which is then reported.
// https://github.com/moby/swarmkit/blob/master/manager/orchestrator/constraintenforcer/constraint_enforcer.go
func evicted(task swarm.Task) bool {
	return task.Status.State == swarm.TaskStateRejected && task.Status.Err == "assigned node no longer meets constraints"
}

// blame uses a task's own error text.
func (j *judgement) blame(task swarm.Task) {
	j.task = &task
	j.code = "task-failed"
	switch {
	case noRoom(task, j.nodes[task.NodeID]):
		j.code = codeFull
	case strings.Contains(task.Status.Err, "No such image"):
		j.code = "image-missing"
	case task.Status.State == swarm.TaskStateRejected:
		j.code = "task-rejected"
	case strings.Contains(task.Status.Err, "unhealthy"):
		j.code = "unhealthy"
	case task.Status.State == swarm.TaskStateComplete:
		j.code = "task-ended"
	}
	words := task.Status.Err
	if words == "" {
		words = task.Status.Message
	}
	if task.Status.State == swarm.TaskStateComplete {
		words = "it ended with status 0, but the service should stay up (restart_policy.condition: on-failure or none allows it to end)"
	}
	j.reason = fmt.Sprintf("%s: %s", j.taskName(task), words)
}

// taskName is a task's name as in `docker service ps`, with its node.
func (j *judgement) taskName(task swarm.Task) string {
	name := fmt.Sprintf("task %s.%d", j.service.Spec.Name, task.Slot)
	if task.Slot == 0 {
		name = "task " + j.service.Spec.Name
	}
	if node, ok := j.nodes[task.NodeID]; ok {
		name += " on " + node.Description.Hostname
	}
	return name
}
