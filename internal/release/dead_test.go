package release

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// When a run died on a manager that is not the leader, that manager's own agent gives up
// the run's claim long before its lease is over. No other agent can know that the run died.
func TestAgentGivesUpClaimsOfDeadRunsOnItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		expect(t, deploys(newDeployer(t, m), specsOf(service("api", "run:1"))), Runs, 1)
		died := newDeployer(t, m)
		died.node, died.Host, died.Settings.Lease = "id-manager-2", "manager-2", time.Hour
		if c, _, err := died.tryClaim(t.Context(), stack); c == nil || err != nil {
			t.Fatalf("no claim: %v", err)
		}
		leader := newDeployer(t, m)
		leader.Settings.Queue = 2 * yieldPause
		expect(t, deploys(leader, specsOf(service("api", "run:2"))), Busy, 0, "busy")
		other := newDeployer(t, m)
		other.node, other.Host = died.node, died.Host
		other.Alive = func(run string) bool { return run != died.run }
		watches(t, other)
		time.Sleep(3 * yieldPause)
		expect(t, leader.Reconcile(t.Context(), stack), Runs, 1)
		if last := lastOf(t, leader); last == nil || last.Outcome != PutBack || last.Host != "manager-2" {
			t.Errorf("the trace is %+v", last)
		}
	})
}

// Not given up: the claim of a living run, a claim of another host, and a claim that
// somebody took over at that moment.
func TestOnlyWhatDiedIsYielded(t *testing.T) {
	for name, c := range map[string]struct {
		of    string
		alive bool
		quick bool
	}{
		"it lives":               {of: "manager-1", alive: true},
		"it is another host's":   {of: "manager-2"},
		"it has just been taken": {of: "manager-1", quick: true},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager-1", "manager-2")
			holds(t, m, c.of, nil)
			m.before = func(method string) error {
				if method == "ConfigUpdate" && c.quick {
					m.configs[0].Version = m.next()
				}
				return nil
			}
			d := newDeployer(t, m)
			d.Alive = func(string) bool { return c.alive }
			until := m.configs[0].Spec.Labels[labelUntil]
			if err := d.yield(t.Context()); err != nil || m.configs[0].Spec.Labels[labelUntil] != until {
				t.Errorf("%v: the lease ends at %s, before at %s", err, m.configs[0].Spec.Labels[labelUntil], until)
			}
		})
	}
}

func (m *memory) version(config int) swarm.Version {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.configs[config].Version
}

func TestThisProcessIsAliveAndANumberAloneIsNot(t *testing.T) {
	d := &Reader{}
	if !d.alive(thisRun()) {
		t.Error("this process is taken for dead")
	}
	for _, run := range []string{"", "1", "1-", "1-7-some-boot", "x"} {
		if d.alive(run) {
			t.Errorf("%q is taken for alive", run)
		}
	}
}
