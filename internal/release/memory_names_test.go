package release

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

// NetworkInspect shows what a node knows that has lost no records: every task that runs.
func (m *memory) NetworkInspect(ctx context.Context, id string, o network.InspectOptions) (network.Inspect, error) {
	unlock, err := m.lock(ctx, "NetworkInspect")
	if err != nil {
		return network.Inspect{}, err
	}
	defer unlock()
	at := slices.IndexFunc(m.networks, func(n network.Summary) bool { return n.ID == id })
	if at < 0 {
		return network.Inspect{}, errdefs.ErrNotFound
	}
	shown := m.networks[at]
	if !o.Verbose {
		return shown, nil
	}
	shown.Peers, shown.Services = []network.PeerInfo{{Name: m.me}}, map[string]network.ServiceInfo{}
	for _, s := range m.services {
		info := network.ServiceInfo{VIP: "10.0.0.2", LocalLBIndex: 256}
		for _, task := range m.ofService(s.ID) {
			for _, address := range addressesOn(*task, id) {
				if !over(*task) {
					info.Tasks = append(info.Tasks, network.Task{Name: s.Spec.Name + "." + task.ID, EndpointIP: address})
				}
			}
		}
		if len(info.Tasks) > 0 {
			shown.Services[s.Spec.Name] = info
		}
	}
	return shown, nil
}

// oneNode is the Swarm in memory as one node shows it. The Docker of that node may have too
// few or too many records of names.
type oneNode struct {
	*memory
	change func(map[string]network.ServiceInfo) // nil: it knows all names
	broken error
	// elsewhere says that the network is not on this node.
	elsewhere bool
}

func (o *oneNode) NetworkInspect(ctx context.Context, id string, options network.InspectOptions) (network.Inspect, error) {
	shown, err := o.memory.NetworkInspect(ctx, id, options)
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.broken != nil {
		return network.Inspect{}, o.broken
	}
	if o.elsewhere {
		shown.Peers = nil
	}
	if err == nil && o.change != nil {
		o.change(shown.Services)
	}
	return shown, err
}

// forget makes the node lose the records of a service's present tasks: all of them, or all
// but the first ones.
func (o *oneNode) forget(service string, keep int) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var lost []string
	for _, s := range o.services {
		if s.Spec.Name != service {
			continue
		}
		for _, task := range o.ofService(s.ID) {
			lost = append(lost, addressesOn(*task, o.networks[0].ID)...)
		}
	}
	lost = lost[keep:]
	o.change = func(all map[string]network.ServiceInfo) {
		info := all[service]
		info.Tasks = slices.DeleteFunc(info.Tasks, func(t network.Task) bool { return slices.Contains(lost, t.EndpointIP) })
		all[service] = info
		if len(info.Tasks) == 0 {
			delete(all, service)
		}
	}
}

// recall makes the node know everything again.
func (o *oneNode) recall() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.change = nil
}

// deployNamed deploys two services in one network, and waits until every node must know
// their names.
func deployNamed(t *testing.T, nodes ...string) *oneNode {
	t.Helper()
	m := newMemory(nodes...)
	expect(t, deploys(newDeployer(t, m), withNet(specsOf(service("api", "run:1", joined), service("db", "run:1", joined)))), Runs, 1)
	time.Sleep(nameGrace)
	return &oneNode{memory: m}
}

// lostOnTwoManagers is a node that lost a name, in a Swarm in which two managers have the
// network.
func lostOnTwoManagers(t *testing.T) *oneNode {
	t.Helper()
	o := deployNamed(t, "manager-1", "manager-2")
	o.tasks[0].NodeID = "id-manager-2"
	o.forget("shop_api", 0)
	return o
}

// on is a Deployer on one node, with that node's view of the Swarm.
func (o *oneNode) on(t *testing.T, name string) *Deployer {
	t.Helper()
	d := newDeployer(t, o.memory)
	d.Swarm, d.Reader.Swarm, d.node, d.Host = o, o, "id-"+name, name
	d.run += name
	return d
}

// forced is the number of forced updates of a service.
func (m *memory) forced(service string) uint64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	at := slices.IndexFunc(m.services, func(s swarm.Service) bool { return s.Spec.Name == service })
	return m.services[at].Spec.TaskTemplate.ForceUpdate
}
