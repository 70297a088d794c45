package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// condition is the state that a service is in.
type condition string

const (
	isUp       condition = "up"       // as many tasks run as it asks for, or have done their work
	isSettling condition = "settling" // they run, and have to keep running for a while
	isStarting condition = "starting" // on the way: pulled, started, updated
	isCrashing condition = "crashing" // tasks fail, and new ones follow
	isHomeless condition = "homeless" // no node accepts a task
	isPinned   condition = "pinned"   // its nodes are down or drained
	isFailed   condition = "failed"   // it failed, and will stay so
)

// finding is a service's condition and the evidence for it.
type finding struct {
	service   string
	condition condition
	code      string // of a Problem
	reason    string
	task      *swarm.Task // the task that shows it
	up, want  int
}

// judge returns a service's condition. Changed says that this deployment gave the service a
// new spec: then Swarm's own state of the update counts, and a new service has to keep
// running for a while.
func (s scene) judge(service swarm.Service, changed bool) finding {
	j := &judgement{scene: s, service: service, finding: finding{service: service.Spec.Name}}
	j.slots()
	if changed && j.updateFailed() {
		return j.finding
	}
	if isJob(service.Spec) {
		j.job()
	} else {
		j.lasting(changed)
	}
	return j.finding
}

// judgement is one service while it is judged.
type judgement struct {
	scene
	service swarm.Service
	finding
	newest []swarm.Task // the newest task of each slot or node, among tasks with the present spec
	failed []swarm.Task // present tasks that ended and should not have, newest first
	old    int          // tasks of an earlier spec that still run
}

// slots sorts the service's tasks.
func (j *judgement) slots() {
	seen := map[string]int{}
	for _, task := range j.tasks[j.service.ID] {
		if !j.present(task) {
			if task.DesiredState == swarm.TaskStateRunning && task.Status.State == swarm.TaskStateRunning {
				j.old++
			}
			continue
		}
		slot := fmt.Sprintf("%d/%s", task.Slot, task.NodeID)
		if task.Slot != 0 {
			slot = fmt.Sprint(task.Slot)
		}
		switch at, known := seen[slot]; {
		case task.DesiredState == swarm.TaskStateRemove:
		case !known:
			seen[slot] = len(j.newest)
			j.newest = append(j.newest, task)
		case j.runs(task) && j.newest[at].DesiredState == swarm.TaskStateShutdown:
			// After its own rollback Swarm keeps the task that still runs, and drops
			// the newer one that was to take its place.
			j.newest[at] = task
		}
		if ended(task) && !j.done(task) {
			j.failed = append(j.failed, task)
		}
	}
}

// updateFailed asks for Swarm's own state of a rolling update.
func (j *judgement) updateFailed() bool {
	status := j.service.UpdateStatus
	if status == nil {
		return false
	}
	switch status.State {
	case swarm.UpdateStatePaused, swarm.UpdateStateRollbackStarted, swarm.UpdateStateRollbackPaused, swarm.UpdateStateRollbackCompleted:
	default:
		return false
	}
	j.condition, j.code = isFailed, "update-failed"
	j.reason = fmt.Sprintf("update %s: %s", strings.ReplaceAll(string(status.State), "_", " "), status.Message)
	if task := j.newestFailure(); task != nil {
		j.blame(*task)
		j.condition = isFailed
	}
	return true
}

// lasting judges a service whose tasks are meant to keep running.
func (j *judgement) lasting(changed bool) {
	j.want, j.up = j.wanted(), j.running()
	updating := j.service.UpdateStatus != nil && j.service.UpdateStatus.State == swarm.UpdateStateUpdating
	switch {
	case j.up >= j.want && j.old == 0 && !updating:
		j.condition = isUp
		if j.service.Spec.Mode.Global != nil && j.want == 0 {
			j.reason = "no available node meets its constraints"
		}
		// Swarm itself watched the update for a while; later failures do not belong to the
		// update.
		if changed && j.want > 0 && (j.service.UpdateStatus == nil || len(j.failed) > 0) {
			j.condition, j.reason = isSettling, "runs, and must stay up for a moment"
		}
	case j.pinned():
	case j.broken():
	case updating && j.astray():
	default:
		j.starting(updating)
	}
}

// running is how many tasks run, or have done their work.
func (j *judgement) running() int {
	up := 0
	for _, task := range j.newest {
		if j.runs(task) || j.done(task) && task.Status.State == swarm.TaskStateComplete {
			up++
		}
	}
	return up
}

// wanted is how many tasks there have to be. For a global service this is one on each node
// that its constraints allow and that accepts tasks.
func (j *judgement) wanted() int {
	mode := j.service.Spec.Mode
	switch {
	case mode.Replicated != nil && mode.Replicated.Replicas != nil:
		return int(*mode.Replicated.Replicas)
	case mode.Global != nil || mode.GlobalJob != nil:
		nodes := 0
		for _, node := range j.nodes {
			if takes(node) && fits(j.service.Spec.TaskTemplate.Placement, node) {
				nodes++
			}
		}
		return nodes
	}
	return 1
}

// pinned tells whether all nodes that the service may run on are down or drained. A
// deployment is not to blame for that.
func (j *judgement) pinned() bool {
	placement := j.service.Spec.TaskTemplate.Placement
	if placement == nil || len(placement.Constraints) == 0 {
		return false
	}
	var names []string
	for _, node := range j.nodes {
		if !fits(placement, node) {
			continue
		}
		if takes(node) {
			return false
		}
		state := stateOf(node)
		if up(node) {
			state = string(node.Spec.Availability)
		}
		names = append(names, node.Description.Hostname+" is "+state)
	}
	if len(names) == 0 {
		return false
	}
	slices.Sort(names)
	j.condition, j.code = isPinned, "node-down"
	j.reason = "bound to nodes that accept no tasks: " + strings.Join(names, ", ")
	return true
}

// broken looks for tasks that failed, and for tasks that no node accepts.
func (j *judgement) broken() bool {
	for _, task := range j.newest {
		rejected := task.Status.State == swarm.TaskStateRejected && hopeless(task.Status.Err)
		if rejected || ended(task) && !j.done(task) && j.final(task) {
			j.blame(task)
			j.condition = isFailed
			return true
		}
	}
	if len(j.failed) > 0 {
		j.blame(j.failed[0])
		j.condition = isCrashing
		return true
	}
	for _, task := range j.newest {
		if task.Status.State == swarm.TaskStatePending && task.Status.Err != "" {
			j.condition, j.code, j.task = isHomeless, "no-node", &task
			j.reason = "no node accepts a task: " + task.Status.Err
			return true
		}
	}
	return false
}

func (j *judgement) starting(updating bool) {
	j.condition, j.code = isStarting, "not-running"
	if updating {
		j.reason = fmt.Sprintf("the update is under way: %d of %d tasks", j.up, j.want)
		return
	}
	j.reason = fmt.Sprintf("%d of %d tasks run", j.up, j.want)
	for _, task := range j.newest {
		if !j.runs(task) && !ended(task) {
			j.task = &task
			j.reason += fmt.Sprintf("; %s is %s", j.taskName(task), task.Status.State)
			return
		}
	}
}
