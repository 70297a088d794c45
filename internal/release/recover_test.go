package release

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// lostQuorum is a Swarm of three managers of which two do not answer. The first, which is
// asked, has no leader.
func lostQuorum(t *testing.T) (*memory, *Deployer) {
	m := newMemory("manager", "manager-2", "manager-3", "worker")
	m.peers = []swarm.Peer{{NodeID: m.me, Addr: "10.20.1.4:2377"}, {NodeID: "id-manager-2", Addr: "10.20.1.5:2377"}, {NodeID: "id-manager-3", Addr: "10.20.1.6:2377"}}
	m.before = func(method string) error {
		if method == "Info" || method == "SwarmInit" {
			return nil
		}
		return errors.New("rpc error: code = Unknown desc = The swarm does not have a leader")
	}
	// The new leader learns only gradually that the others are down.
	looks := 0
	m.after = func(string) error {
		m.before = func(method string) error {
			if method == "NodeList" {
				looks++
			}
			for i, node := range m.nodes {
				if node.Spec.Role == swarm.NodeRoleManager && node.ManagerStatus == nil && looks > 1 {
					m.nodes[i].Status.State = swarm.NodeStateUnknown
					if looks > 3 {
						m.nodes[i].Status.State = swarm.NodeStateDown
					}
				}
			}
			return nil
		}
		return nil
	}
	d := newDeployer(t, m)
	d.Settings.Outage, d.Settings.Glance = time.Minute, time.Second
	d.Dial = func(context.Context, string) error { return errors.New("no route to host") }
	return m, d
}

func hostNames(m *memory) (names []string) {
	for _, node := range m.nodes {
		names = append(names, node.Description.Hostname)
	}
	return names
}

func TestRecoverRemovesTheLostManagers(t *testing.T) {
	virtual(t, "quorum lost", func(t *testing.T) {
		m, d := lostQuorum(t)
		got := d.Recover(t.Context())
		if got.Outcome != Runs || !slices.Equal(got.Nodes, []string{"manager-2", "manager-3"}) {
			t.Fatalf("%+v", got)
		}
		if left := hostNames(m); !slices.Equal(left, []string{"manager", "worker"}) {
			t.Errorf("left: %v", left)
		}
		if len(m.inits) != 1 || !m.inits[0].ForceNewCluster || m.inits[0].AdvertiseAddr != "10.20.1.4" || m.inits[0].ListenAddr != "10.20.1.4:2377" {
			t.Errorf("Docker was asked %+v", m.inits)
		}
		if again := d.Recover(t.Context()); again.Outcome != Refused || again.Problems[0].Code != "has-quorum" || len(m.inits) != 1 {
			t.Errorf("again: %+v", again)
		}
	})
	virtual(t, "Docker was restarted without a quorum", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.state = swarm.LocalNodeStatePending
		if got := d.Recover(t.Context()); got.Outcome != Runs || len(got.Nodes) != 2 {
			t.Errorf("%+v", got)
		}
	})
	virtual(t, "the leader still tells what it knew last", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.before = nil
		silence(t, m, "manager-2", "manager-3")
		if got := d.Recover(t.Context()); got.Outcome != Runs || len(got.Nodes) != 2 || len(m.inits) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// Entries that an interrupted run left are removed by the next run, without force.
func TestRecoverContinues(t *testing.T) {
	virtual(t, "entries left", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.before = nil
		for _, name := range []string{"manager-2", "manager-3"} {
			m.node(t, name).ManagerStatus, m.node(t, name).Status.State = nil, swarm.NodeStateDown
		}
		got := d.Recover(t.Context())
		if got.Outcome != Runs || len(got.Nodes) != 2 || len(m.inits) != 0 {
			t.Errorf("%+v, %v", got, m.inits)
		}
	})
}

// A node that is being made a manager is not lost.
func TestRecoverLeavesWhoJoins(t *testing.T) {
	virtual(t, "joins", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.before = nil
		m.node(t, "manager-2").ManagerStatus = nil
		if got := d.Recover(t.Context()); got.Outcome != Refused || len(m.nodes) != 4 {
			t.Errorf("%+v, %v", got, hostNames(m))
		}
	})
}

// One of three managers is down: it is in the quorum, and may come back.
func TestRecoverLeavesAMemberThatIsDown(t *testing.T) {
	virtual(t, "down", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.before = nil
		silence(t, m, "manager-3")
		m.node(t, "manager-3").Status.State = swarm.NodeStateDown
		if got := d.Recover(t.Context()); got.Outcome != Refused || got.Problems[0].Code != "has-quorum" || len(m.nodes) != 4 {
			t.Errorf("%+v, %v", got, hostNames(m))
		}
	})
}

// A lost manager that comes back in the last moment is not removed.
func TestRecoverLeavesWhoComesBack(t *testing.T) {
	virtual(t, "comes back", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.before = nil
		m.node(t, "manager-2").ManagerStatus, m.node(t, "manager-2").Status.State = nil, swarm.NodeStateDown
		m.before = func(method string) error {
			if method == "NodeRemove" {
				m.node(t, "manager-2").Status.State = swarm.NodeStateReady
			}
			return nil
		}
		if got := d.Recover(t.Context()); got.Outcome != Failed || len(m.nodes) != 4 {
			t.Errorf("%+v, %v", got, hostNames(m))
		}
	})
}

// A lost manager whose Docker still answers as a node is not removed.
func TestRecoverLeavesANodeThatAnswers(t *testing.T) {
	virtual(t, "answers", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.after = func(string) error {
			m.after = nil
			m.node(t, "manager-3").Status.State = swarm.NodeStateDown
			return nil
		}
		got := d.Recover(t.Context())
		if got.Outcome != Runs || !slices.Equal(got.Nodes, []string{"manager-3"}) || !slices.Contains(hostNames(m), "manager-2") {
			t.Errorf("%+v, %v", got, hostNames(m))
		}
	})
}

func TestRecoverRefuses(t *testing.T) {
	for code, spoil := range map[string]func(*memory, *Deployer){
		"managers-live": func(_ *memory, d *Deployer) {
			d.Dial = func(_ context.Context, address string) error {
				if address == "10.20.1.6:2377" {
					return nil
				}
				return errors.New("no route to host")
			}
		},
		"has-quorum":    func(m *memory, _ *Deployer) { m.before = nil },
		"locked":        func(m *memory, _ *Deployer) { m.state = swarm.LocalNodeStateLocked },
		"not-a-manager": func(m *memory, _ *Deployer) { m.outside = true },
		"no-others":     func(m *memory, _ *Deployer) { m.peers = m.peers[:1] },
	} {
		virtual(t, code, func(t *testing.T) {
			m, d := lostQuorum(t)
			spoil(m, d)
			got := d.Recover(t.Context())
			if got.Outcome != Refused || got.Problems[0].Code != code || len(m.inits) != 0 || len(m.nodes) != 4 {
				t.Errorf("%+v; Docker was asked %v", got, m.inits)
			}
		})
	}
}

// If Docker refuses, that is a failure, with Docker's error.
func TestRecoverFails(t *testing.T) {
	virtual(t, "refused", func(t *testing.T) {
		m, d := lostQuorum(t)
		m.after = func(string) error { return errors.New("node is not a manager") }
		if got := d.Recover(t.Context()); got.Outcome != Failed || len(got.Problems) != 1 || len(m.nodes) != 4 {
			t.Errorf("%+v", got)
		}
	})
}
