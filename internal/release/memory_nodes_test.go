package release

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/system"
)

func (m *memory) Info(ctx context.Context) (system.Info, error) {
	unlock, err := m.lock(ctx, "Info")
	if err != nil {
		return system.Info{}, err
	}
	defer unlock()
	if m.outside {
		return system.Info{Swarm: swarm.Info{LocalNodeState: swarm.LocalNodeStateInactive}}, nil
	}
	return system.Info{Swarm: swarm.Info{NodeID: m.me, NodeAddr: "10.20.1.4", ControlAvailable: true,
		LocalNodeState: cmp.Or(m.state, swarm.LocalNodeStateActive), RemoteManagers: m.peers}}, nil
}

func (m *memory) NodeList(ctx context.Context, _ swarm.NodeListOptions) ([]swarm.Node, error) {
	unlock, err := m.lock(ctx, "NodeList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	nodes := slices.Clone(m.nodes)
	for i, node := range nodes {
		if node.ManagerStatus != nil {
			status := *node.ManagerStatus
			nodes[i].ManagerStatus = &status
		}
	}
	return nodes, nil
}

func (m *memory) NodeUpdate(ctx context.Context, id string, _ swarm.Version, spec swarm.NodeSpec) error {
	unlock, err := m.lock(ctx, "NodeUpdate")
	if err != nil {
		return err
	}
	defer unlock()
	for i := range m.nodes {
		if m.nodes[i].ID == id {
			m.nodes[i].Spec = spec
			return m.answer("NodeUpdate")
		}
	}
	return errdefs.ErrNotFound
}

func (m *memory) NodeRemove(ctx context.Context, id string, o swarm.NodeRemoveOptions) error {
	unlock, err := m.lock(ctx, "NodeRemove")
	if err != nil {
		return err
	}
	defer unlock()
	if !o.Force && slices.ContainsFunc(m.nodes, func(n swarm.Node) bool { return n.ID == id && n.Status.State == swarm.NodeStateReady }) {
		return errdefs.ErrFailedPrecondition
	}
	m.nodes = slices.DeleteFunc(m.nodes, func(n swarm.Node) bool { return n.ID == id })
	return m.answer("NodeRemove")
}

// SwarmInit makes the node that is asked the only manager, as Docker does with a forced
// init: the others keep their entries, in their last known state.
func (m *memory) SwarmInit(ctx context.Context, request swarm.InitRequest) (string, error) {
	unlock, err := m.lock(ctx, "SwarmInit")
	if err != nil {
		return "", err
	}
	defer unlock()
	m.inits = append(m.inits, request)
	if !request.ForceNewCluster {
		return "", errdefs.ErrConflict
	}
	for i := range m.nodes {
		m.nodes[i].ManagerStatus = nil
		if m.nodes[i].ID == m.me {
			m.nodes[i].ManagerStatus = &swarm.ManagerStatus{Leader: true, Reachability: swarm.ReachabilityReachable}
		}
	}
	m.before = nil
	return m.me, m.answer("SwarmInit")
}

func (m *memory) node(t *testing.T, name string) *swarm.Node {
	t.Helper()
	for i := range m.nodes {
		if m.nodes[i].Description.Hostname == name {
			return &m.nodes[i]
		}
	}
	t.Fatalf("no node %s", name)
	return nil
}
