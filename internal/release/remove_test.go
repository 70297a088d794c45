package release

import (
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/swarm"
)

func TestDeployAfterRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		deploys(d, specsOf(service("api", "run:1")))
		expect(t, d.Remove(t.Context(), stack), Runs, 0)
		if len(m.services) != 0 || len(m.configs) != 0 {
			t.Errorf("left: %d services, %d configs", len(m.services), len(m.configs))
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	})
}

// On a node that is down, a task of a removed service remains in Swarm's list; the stack
// counts as removed all the same. A task on a node that answers is waited for.
func TestRemoveDoesNotWaitForANodeThatIsDown(t *testing.T) {
	for state, outcome := range map[swarm.NodeState]Outcome{swarm.NodeStateDown: Runs, swarm.NodeStateReady: Failed} {
		virtual(t, string(state), func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			deploys(d, specsOf(service("api", "run:1")))
			left := m.tasks[0]
			left.ID, left.ServiceID, left.NodeID = "left", "another", "id-worker"
			m.tasks = append(m.tasks, left)
			m.node(t, "worker").Status.State = state
			if got := d.Remove(t.Context(), stack); got.Outcome != outcome {
				t.Errorf("%+v", got)
			}
		})
	}
}
