package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// condition is how a service stands.
type condition string

const (
	isUp       condition = "up"       // as many tasks run as it asks for, or have done their work
	isSettling condition = "settling" // they run, and have to stay
	isStarting condition = "starting" // on the way: pulled, started, updated
	isCrashing condition = "crashing" // tasks fail, and others follow
	isHomeless condition = "homeless" // no node takes a task
	isPinned   condition = "pinned"   // its nodes are down or drained
	isFailed   condition = "failed"   // and nothing will change that
)

// finding is a service's condition and what shows it.
type finding struct {
	service   string
	condition condition
	code      string // of a Problem
	reason    string
	task      *swarm.Task // the one that shows it
	up, want  int
}

// A service's tasks are read against these.
type scene struct {
	nodes map[string]swarm.Node
	tasks map[string][]swarm.Task // by the service's id, newest first
}

func newScene(nodes []swarm.Node, tasks []swarm.Task) scene {
	s := scene{nodes: map[string]swarm.Node{}, tasks: map[string][]swarm.Task{}}
	for _, node := range nodes {
		s.nodes[node.ID] = node
	}
	for _, task := range tasks {
		s.tasks[task.ServiceID] = append(s.tasks[task.ServiceID], task)
	}
	for _, list := range s.tasks {
		slices.SortStableFunc(list, func(a, b swarm.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
	}
	return s
}

// judge tells how a service stands. Changed says that this deployment gave it a
// new spec: then Swarm's word on the update counts, and what was created has to
// settle.
func (s scene) judge(service swarm.Service, changed bool) finding {
	j := &judgement{scene: s, service: service, finding: finding{service: service.Spec.Name}}
	j.slots()
	if changed && j.updateFailed() {
		return j.finding
	}
	if mode := service.Spec.Mode; mode.ReplicatedJob != nil || mode.GlobalJob != nil {
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
	newest []swarm.Task // of each slot or node, of those that run the present spec
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

// present tells whether a task is of the spec that the service has now. What Swarm
// itself compares to decide about new tasks is compared here.
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

// ended tells whether a task's container is over, one way or the other.
func ended(task swarm.Task) bool {
	switch task.Status.State {
	case swarm.TaskStateComplete, swarm.TaskStateFailed, swarm.TaskStateRejected:
		return true
	}
	return false
}

// done tells whether a task's end is what the service is for: it ended with 0, and
// nobody asked for it to be started again.
func (j *judgement) done(task swarm.Task) bool {
	if task.Status.State != swarm.TaskStateComplete {
		return false
	}
	if mode := j.service.Spec.Mode; mode.ReplicatedJob != nil || mode.GlobalJob != nil {
		return true
	}
	return j.restart() != swarm.RestartPolicyConditionAny
}

func (j *judgement) restart() swarm.RestartPolicyCondition {
	if policy := j.service.Spec.TaskTemplate.RestartPolicy; policy != nil && policy.Condition != "" {
		return policy.Condition
	}
	return swarm.RestartPolicyConditionAny
}

// final tells whether nothing follows a task that failed: its service is not
// started again at all, or not more often.
func (j *judgement) final(task swarm.Task) bool {
	if task.DesiredState != swarm.TaskStateShutdown {
		return false
	}
	policy := j.service.Spec.TaskTemplate.RestartPolicy
	limited := policy != nil && policy.MaxAttempts != nil && *policy.MaxAttempts > 0
	return j.restart() == swarm.RestartPolicyConditionNone || limited
}

// runs tells whether a task really runs: the last word of a node that is down
// counts for nothing.
func (j *judgement) runs(task swarm.Task) bool {
	return task.Status.State == swarm.TaskStateRunning && task.DesiredState == swarm.TaskStateRunning && up(j.nodes[task.NodeID])
}

// updateFailed asks Swarm's own word on a rolling update.
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

// newestFailure is of any spec: after Swarm's own rollback the one that failed is
// not the present one any more.
func (j *judgement) newestFailure() *swarm.Task {
	for _, task := range j.tasks[j.service.ID] {
		if ended(task) && !j.done(task) {
			return &task
		}
	}
	return nil
}

// lasting judges what is meant to stay.
func (j *judgement) lasting(changed bool) {
	j.want = j.wanted()
	for _, task := range j.newest {
		if j.runs(task) || j.done(task) && task.Status.State == swarm.TaskStateComplete {
			j.up++
		}
	}
	updating := j.service.UpdateStatus != nil && j.service.UpdateStatus.State == swarm.UpdateStateUpdating
	switch {
	case j.up >= j.want && j.old == 0 && !updating:
		j.condition = isUp
		// Swarm watched an update for a while itself; what failed since is another thing.
		if changed && j.want > 0 && (j.service.UpdateStatus == nil || len(j.failed) > 0) {
			j.condition, j.reason = isSettling, "runs, and has to stay up for a moment"
		}
	case j.pinned():
	case j.broken():
	default:
		j.starting(updating)
	}
}

// wanted is how many tasks there have to be: of a global service one on each node
// that its constraints allow and that takes tasks.
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

// pinned says that all nodes that the service may run on are down or drained. That
// is no fault of a deployment.
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
	j.reason = "bound to nodes that take no tasks: " + strings.Join(names, ", ")
	return true
}

// broken looks at tasks that failed, and at those that no node takes.
func (j *judgement) broken() bool {
	for _, task := range j.newest {
		if ended(task) && !j.done(task) && j.final(task) {
			j.blame(task)
			j.condition = isFailed
			return true
		}
		if task.Status.State == swarm.TaskStateRejected && hopeless(task.Status.Err) {
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
			j.reason = "no node takes a task: " + task.Status.Err
			return true
		}
	}
	return false
}

// hopeless tells a rejection that is a verdict on the file from one that passes,
// such as a network that is being set up. Docker has words for it and no code.
func hopeless(reason string) bool {
	for _, words := range []string{"No such image", "invalid mount config", "bind source path does not exist", "no such plugin"} {
		if strings.Contains(reason, words) {
			return true
		}
	}
	return false
}

// blame takes a task's own words.
func (j *judgement) blame(task swarm.Task) {
	j.task = &task
	j.code = "task-failed"
	switch {
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
		words = "it ended with status 0, and the service is meant to stay up (restart_policy.condition: on-failure or none lets it end)"
	}
	j.reason = fmt.Sprintf("%s: %s", j.taskName(task), words)
}

// taskName is what `docker service ps` calls a task, with its node.
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

// job judges what is there to be done once.
func (j *judgement) job() {
	j.want = j.wanted()
	if job := j.service.Spec.Mode.ReplicatedJob; job != nil {
		j.want = completions(*job)
	}
	for _, task := range j.newest {
		if task.Status.State == swarm.TaskStateComplete {
			j.up++
		}
	}
	switch {
	case j.up >= j.want:
		j.condition = isUp
	case j.pinned():
	case j.broken():
	default:
		j.condition, j.code = isStarting, "not-done"
		j.reason = fmt.Sprintf("the job is under way: %d of %d done", j.up, j.want)
	}
}

// completions is how often a job has to be done, as swarmkit counts.
func completions(job swarm.ReplicatedJob) int {
	switch {
	case job.TotalCompletions != nil:
		return int(*job.TotalCompletions)
	case job.MaxConcurrent != nil:
		return int(*job.MaxConcurrent)
	}
	return 1
}
