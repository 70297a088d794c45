package release

import (
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// ship is a Swarm with one service and with nodes that have to reboot, the agent that leads
// it, and its clock.
type ship struct {
	t *testing.T
	m *memory
	a *agent
	j *journal
	n time.Time
}

func newShip(t *testing.T, names ...string) *ship {
	t.Helper()
	s := &ship{t: t, m: newMemory(names...), j: &journal{}, n: inWindow}
	d := newDeployer(t, s.m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	d.Now, d.Say, d.Settings.Window = func() time.Time { return s.n }, s.j.say, sunday
	s.a = newAgent(d)
	return s
}

func (s *ship) due(names ...string) {
	for _, name := range names {
		s.m.node(s.t, name).Description.Engine.Labels = map[string]string{labelReboot: "linux-image-6.12"}
	}
}

// round lets the agent make one move, some minutes later.
func (s *ship) round(minutes int) {
	s.t.Helper()
	s.n = s.n.Add(time.Duration(minutes) * time.Minute)
	state, err := s.a.state(s.t.Context(), "")
	if err == nil {
		err = s.a.maintain(s.t.Context(), state)
	}
	if err == nil && s.a.vacating != "" {
		s.a.leave(<-s.a.left)
		if state, err = s.a.state(s.t.Context(), ""); err == nil {
			err = s.a.maintain(s.t.Context(), state)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// ordered is the node that has an order to reboot; empty for none.
func (s *ship) ordered() string {
	for _, service := range s.m.services {
		if service.Spec.Name == orderName {
			return service.Spec.TaskTemplate.Placement.Constraints[0]
		}
	}
	return ""
}

// arrives makes the order's task end on its node in a given state.
func (s *ship) arrives(at swarm.TaskState) {
	for i, service := range s.m.services {
		if service.Spec.Name != orderName {
			continue
		}
		s.m.tasks = slices.DeleteFunc(s.m.tasks, func(t swarm.Task) bool { return t.ServiceID == service.ID })
		zero := uint64(0) // the tests' scheduler leaves it alone
		s.m.services[i].Spec.Mode.Replicated.Replicas = &zero
		s.m.tasks = append(s.m.tasks, swarm.Task{ID: "order", ServiceID: service.ID, NodeID: service.Spec.Labels[labelReboot], DesiredState: swarm.TaskStateShutdown, Status: swarm.TaskStatus{State: at}})
	}
}
