package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// step moves every service's tasks on by one step, roughly as Swarm would.
func (m *memory) step() {
	m.clock = m.clock.Add(time.Millisecond)
	for i := range m.services {
		m.stepService(&m.services[i])
	}
}

func (m *memory) stepService(s *swarm.Service) {
	places := m.places(s)
	for _, task := range m.ofService(s.ID) {
		if !slices.Contains(places, placeOf(*task)) && task.DesiredState == swarm.TaskStateRunning {
			m.end(task, swarm.TaskStateShutdown, "")
		}
	}
	for _, place := range places {
		m.stepPlace(s, place)
	}
	m.stepUpdate(s, places)
}

// place is a slot of a replicated service, or a node of a global one.
type place struct {
	slot int
	node string
}

func placeOf(t swarm.Task) place {
	if t.Slot != 0 {
		return place{slot: t.Slot}
	}
	return place{node: t.NodeID}
}

func (m *memory) places(s *swarm.Service) []place {
	var list []place
	mode := s.Spec.Mode
	count := 1
	switch {
	case mode.Global != nil || mode.GlobalJob != nil:
		for _, node := range m.nodes {
			if takes(node) && fits(s.Spec.TaskTemplate.Placement, node) {
				list = append(list, place{node: node.ID})
			}
		}
		return list
	case mode.Replicated != nil && mode.Replicated.Replicas != nil:
		count = int(*mode.Replicated.Replicas)
	case mode.ReplicatedJob != nil:
		count = completions(*mode.ReplicatedJob)
	}
	for slot := 1; slot <= count; slot++ {
		list = append(list, place{slot: slot})
	}
	return list
}

func (m *memory) ofService(id string) []*swarm.Task {
	var list []*swarm.Task
	for i := range m.tasks {
		if m.tasks[i].ServiceID == id {
			list = append(list, &m.tasks[i])
		}
	}
	return list
}

// newest is the last task of a place; nil if there never was one.
func (m *memory) newest(s *swarm.Service, at place) *swarm.Task {
	var last *swarm.Task
	for _, task := range m.ofService(s.ID) {
		if placeOf(*task) == at {
			last = task
		}
	}
	return last
}

func (m *memory) stepPlace(s *swarm.Service, at place) {
	last := m.newest(s, at)
	job := s.Spec.Mode.ReplicatedJob != nil || s.Spec.Mode.GlobalJob != nil
	switch {
	case last == nil:
		m.start(s, at)
	case !sameJSON(last.Spec, s.Spec.TaskTemplate):
		if last.DesiredState == swarm.TaskStateRunning {
			m.end(last, swarm.TaskStateShutdown, "")
		}
		m.start(s, at)
	case ended(*last) && !job && m.again(s, last), last.Status.State == swarm.TaskStateShutdown:
		m.start(s, at)
	default:
		m.behave(s, last)
	}
}

// again tells whether the restart policy starts another task. The old task must have been
// visible first.
func (m *memory) again(s *swarm.Service, last *swarm.Task) bool {
	policy := s.Spec.TaskTemplate.RestartPolicy
	condition := swarm.RestartPolicyConditionAny
	var most uint64
	if policy != nil {
		condition = policy.Condition
		if policy.MaxAttempts != nil {
			most = *policy.MaxAttempts
		}
	}
	attempts := uint64(0)
	for _, task := range m.ofService(s.ID) {
		if placeOf(*task) == placeOf(*last) && ended(*task) {
			attempts++
		}
	}
	last.DesiredState = swarm.TaskStateShutdown
	return (condition == swarm.RestartPolicyConditionAny || condition == swarm.RestartPolicyConditionOnFailure && last.Status.State != swarm.TaskStateComplete) &&
		(most == 0 || attempts <= most)
}

func (m *memory) start(s *swarm.Service, at place) {
	task := swarm.Task{ID: fmt.Sprintf("task-%d", m.next().Index), ServiceID: s.ID, Slot: at.slot, NodeID: at.node,
		Spec: cloneSpec(s.Spec).TaskTemplate, DesiredState: swarm.TaskStateRunning}
	task.Labels = map[string]string{labelNamespace: s.Spec.Labels[labelNamespace]}
	task.CreatedAt = m.clock.Add(time.Duration(m.index) * time.Microsecond)
	task.Status.State = swarm.TaskStateNew
	if s.JobStatus != nil {
		task.JobIteration = &s.JobStatus.JobIteration
	}
	for _, joined := range s.Spec.TaskTemplate.Networks {
		task.NetworksAttachments = append(task.NetworksAttachments, swarm.NetworkAttachment{Network: swarm.Network{ID: joined.Target},
			Addresses: []string{fmt.Sprintf("10.0.%d.%d/24", m.index/250, m.index%250)}})
	}
	m.tasks = append(m.tasks, task)
}

func (m *memory) end(task *swarm.Task, state swarm.TaskState, words string) {
	task.DesiredState = swarm.TaskStateShutdown
	if !ended(*task) {
		task.Status.State, task.Status.Err = state, words
	}
}

// behave moves a task on, according to the name of its image.
func (m *memory) behave(s *swarm.Service, task *swarm.Task) {
	name := kindOf(*task)
	if ran := time.Since(task.Status.Timestamp); task.Status.State == swarm.TaskStateRunning && ran > blinkTime {
		switch name {
		case "blink":
			task.Status.State, task.Status.Err = swarm.TaskStateFailed, "task: non-zero exit (1)"
		case "flash":
			task.Status.State = swarm.TaskStateComplete
		}
	}
	if task.Status.State != swarm.TaskStateNew && task.Status.State != swarm.TaskStatePending && task.Status.State != swarm.TaskStatePreparing {
		return
	}
	if task.NodeID == "" {
		if m.dropped != "" && strings.HasPrefix(task.Spec.ContainerSpec.Image, m.dropped) && task.Spec.ForceUpdate == 0 {
			task.Status.State, task.Status.Err = swarm.TaskStatePending, "no suitable node"
			return
		}
		i := m.place(s)
		if i < 0 {
			task.Status.State, task.Status.Err = swarm.TaskStatePending, "no suitable node (scheduling constraints not satisfied)"
			return
		}
		task.NodeID, task.Status.Err = m.nodes[i].ID, ""
	}
	if m.full == task.NodeID {
		task.Status.State, task.Status.Err = swarm.TaskStateRejected, m.fullSays
		return
	}
	if m.refusals > 0 {
		m.refusals--
		task.Status.State, task.Status.Err = swarm.TaskStateRejected, m.refuse
		return
	}
	task.Status.ContainerStatus = &swarm.ContainerStatus{ContainerID: "container-of-" + task.ID}
	switch name {
	case "crash":
		task.Status.State, task.Status.Err = swarm.TaskStateFailed, "task: non-zero exit (1)"
	case "sick":
		task.Status.State, task.Status.Err = swarm.TaskStateFailed, "task: non-zero exit (143): dockerexec: unhealthy container"
	case "end":
		task.Status.State = swarm.TaskStateComplete
	case "missing":
		task.Status.State, task.Status.Err = swarm.TaskStateRejected, "No such image: missing:1"
	case "slow":
		task.Status.State = swarm.TaskStatePreparing
	default:
		task.Status.State, task.Status.Timestamp = swarm.TaskStateRunning, time.Now()
	}
}

// place is the index of the node that gets a task. This is the first node that accepts it.
// If tasks are spread, it is the accepting node with the fewest tasks of the service, and
// among those the one with the fewest tasks in total.
func (m *memory) place(s *swarm.Service) int {
	best, fewest := -1, []int(nil)
	for i, node := range m.nodes {
		if !accepts(s.Spec.TaskTemplate.Placement, node) {
			continue
		}
		count := []int{0, 0}
		for _, task := range m.tasks {
			if m.spread && task.NodeID == node.ID && task.DesiredState == swarm.TaskStateRunning {
				count[0] += b2i(task.ServiceID == s.ID)
				count[1]++
			}
		}
		if best < 0 || slices.Compare(count, fewest) < 0 {
			best, fewest = i, count
		}
	}
	return best
}

// blinkTime is how long a task runs that does not stay.
const blinkTime = 5 * time.Millisecond

// kindOf is the name of a task's image.
func kindOf(task swarm.Task) string {
	name, _, _ := strings.Cut(task.Spec.ContainerSpec.Image, "@")
	name, _, _ = strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	return name
}
