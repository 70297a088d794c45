package release

import "github.com/docker/docker/api/types/swarm"

// stepUpdate updates Swarm's own state of a rolling update.
func (m *memory) stepUpdate(s *swarm.Service, places []place) {
	old, updated := m.previous[s.ID]
	if !updated || sameJSON(old.TaskTemplate, s.Spec.TaskTemplate) {
		return
	}
	running, failed := 0, false
	for _, at := range places {
		last := m.newest(s, at)
		running += b2i(last.Status.State == swarm.TaskStateRunning)
		failed = failed || ended(*last) // also with 0: swarmkit calls it early termination
	}
	action := swarm.UpdateFailureActionPause
	if s.Spec.UpdateConfig != nil && s.Spec.UpdateConfig.FailureAction != "" {
		action = s.Spec.UpdateConfig.FailureAction
	}
	switch {
	case failed && action == swarm.UpdateFailureActionRollback:
		s.Spec, s.Version = old, m.next()
		s.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStateRollbackStarted, Message: "update rolled back due to failure or early termination of a task"}
		delete(m.previous, s.ID)
	case failed && action == swarm.UpdateFailureActionPause:
		s.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStatePaused, Message: "update paused due to failure or early termination of a task"}
	case running == len(places) || failed:
		s.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStateCompleted, Message: "update completed"}
	default:
		s.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStateUpdating, Message: "update in progress"}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
