package release

import (
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

// A full disk does not block a release on the nodes that have room. A deployment fails only
// if something fits nowhere else, or also fails for another reason. The full node accepts
// tasks again afterwards.
func TestFullDiskDoesNotBlockWhatFitsElsewhere(t *testing.T) {
	const space = "mkdir /var/lib/docker/overlay2/x: no space left on device"
	label := map[string]string{labelDisk: "99"}
	for name, c := range map[string]struct {
		next    swarm.ServiceSpec
		says    string
		label   map[string]string // on the full node
		outcome Outcome
		codes   []string
	}{
		"Swarm pauses the update":       {service("api", "run:2", failure("pause")), space, nil, Runs, nil},
		"Swarm rolls the update back":   {service("api", "run:2", failure("rollback")), space, nil, Runs, nil},
		"Swarm goes on":                 {service("api", "run:2", failure("continue")), space, nil, Runs, nil},
		"the image cannot be pulled":    {service("api", "run:2", failure("pause")), "No such image: run:2", label, Runs, nil},
		"a global service":              {service("api", "run:2", failure("pause"), global), space, nil, Runs, nil},
		"bound to the node":             {service("api", "run:2", failure("pause"), on("node.role == manager")), space, nil, PutBack, []string{codeFull}},
		"the image is not there at all": {service("api", "missing:1", failure("pause")), space, nil, PutBack, []string{"image-missing"}},
		"no room is told, nor seen":     {service("api", "run:2", failure("pause")), "No such image: run:2", nil, Failed, []string{"image-missing", "image-missing"}},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			m.full, m.fullSays = "id-manager", c.says
			m.node(t, "manager").Description.Engine.Labels = c.label
			number := map[Outcome]int{Runs: 2, PutBack: 1, Failed: 1}[c.outcome]
			expect(t, deploys(d, specsOf(c.next)), c.outcome, number, c.codes...)
			if node := m.node(t, "manager"); node.Spec.Availability != swarm.NodeAvailabilityActive {
				t.Errorf("the node stays %s", node.Spec.Availability)
			}
		})
	}
}

// If the run could not make a paused node active again, the agent does: to the agent, the
// node looks changed by hand.
func TestAPausedNodeIsNotAHeldNode(t *testing.T) {
	m := newMemory("manager", "worker")
	node := m.node(t, "worker")
	node.Spec.Availability = swarm.NodeAvailabilityPause
	if spec, differs := asSet(*node); !differs || spec.Availability != swarm.NodeAvailabilityActive {
		t.Errorf("%v, %+v", differs, spec)
	}
}
