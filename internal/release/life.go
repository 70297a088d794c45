package release

import "github.com/docker/docker/api/types/swarm"

// Questions about the state of one task.
// https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/

// runsThere tells whether a task runs, according to the last report of its node, and is
// meant to run.
func runsThere(task swarm.Task) bool {
	return task.DesiredState == swarm.TaskStateRunning && task.Status.State == swarm.TaskStateRunning
}

// runs tells whether a task really runs: the last report of a node that is down does not
// count.
func (s scene) runs(task swarm.Task) bool { return runsThere(task) && up(s.nodes[task.NodeID]) }

// ended tells whether a task's container has stopped, with or without an error.
func ended(task swarm.Task) bool {
	switch task.Status.State {
	case swarm.TaskStateComplete, swarm.TaskStateFailed, swarm.TaskStateRejected:
		return true
	}
	return false
}

// over tells whether a task no longer has a container.
func over(task swarm.Task) bool {
	switch task.Status.State {
	case swarm.TaskStateShutdown, swarm.TaskStateRemove, swarm.TaskStateOrphaned:
		return true
	}
	return ended(task)
}

// begun tells whether a node was told to start a task and has not reported yet that it
// runs.
func begun(task swarm.Task) bool {
	switch task.Status.State {
	case swarm.TaskStateAssigned, swarm.TaskStateAccepted, swarm.TaskStatePreparing, swarm.TaskStateReady, swarm.TaskStateStarting:
		return true
	}
	return false
}

// occupies tells whether a task has a container, or will have one soon.
func occupies(task swarm.Task) bool {
	return !over(task) && task.Status.State != swarm.TaskStateNew && task.Status.State != swarm.TaskStatePending
}

// arrived tells whether a task's container was made on its node. The container holds no
// program, so it fails when it is started. A task whose node could not even make the
// container is rejected.
func arrived(task swarm.Task) bool {
	switch task.Status.State {
	case swarm.TaskStateStarting, swarm.TaskStateRunning, swarm.TaskStateComplete, swarm.TaskStateFailed:
		return true
	}
	return false
}
