package release

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/system"
)

// virtual runs a subtest in a time of its own, which only passes while all wait: how
// busy the computer is decides nothing.
func virtual(t *testing.T, name string, body func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, body) })
}

// memory is a Swarm in memory. Its tasks move on by one step whenever somebody
// lists them, and behave as their image is called: run, crash, end (with 0),
// missing, sick (its health check fails), slow (it never starts), blink and flash (they
// run for a moment, and fail or end with 0).
type memory struct {
	mutex    turn
	index    uint64
	clock    time.Time
	me       string // the node that is asked
	outside  bool   // it is not in a Swarm
	nodes    []swarm.Node
	services []swarm.Service
	previous map[string]swarm.ServiceSpec
	tasks    []swarm.Task
	networks []network.Summary
	configs  []swarm.Config
	secrets  []swarm.Secret
	registry map[string]error // by image; nil is a digest
	// platforms are what the registry says of an image, as JSON; null without.
	platforms map[string]string
	inspect   func() // called before the registry answers
	events    chan events.Message
	listened  filters.Args // what the last one who asked for events wants
	// takes is how long every question takes; questions at the same time take it together.
	takes time.Duration
	// before is called ahead of every question, by its method; an error is its answer.
	before func(method string) error
	// after is called when a change is made; an error is the answer in its place.
	after func(method string) error
	// fills is what Docker fills in itself in a service's spec.
	fills func(*swarm.ServiceSpec)
	// breaks ends the stream of events of whoever listens.
	breaks chan error
	// refusals is how many more tasks the nodes refuse, and refuse what they say then.
	refusals int
	refuse   string
	// hangs are the methods that only answer when the context ends.
	hangs []string
	// dropped is an image whose tasks the scheduler forgets until they are forced.
	dropped string
	// spread has the scheduler spread tasks, in place of giving all to the first node.
	spread bool
	// full is the id of a node on which no new task starts, for what it says then.
	full, fullSays string
	// state and peers are what Docker says of itself and of the other managers.
	state swarm.LocalNodeState
	peers []swarm.Peer
	inits []swarm.InitRequest
	// updates counts ServiceUpdate by service.
	updates map[string]int
}

// turn is a mutex that synctest counts as waiting: a question may take its time while
// others wait for theirs.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

func newMemory(names ...string) *memory {
	m := &memory{mutex: make(turn, 1), clock: time.Now(), previous: map[string]swarm.ServiceSpec{}, registry: map[string]error{},
		events: make(chan events.Message, 1000), updates: map[string]int{}}
	for i, name := range names {
		node := swarm.Node{ID: "id-" + name, Spec: swarm.NodeSpec{Role: swarm.NodeRoleWorker, Availability: swarm.NodeAvailabilityActive,
			Annotations: swarm.Annotations{Labels: map[string]string{labelNode: name, labelRole: "worker"}}},
			Description: swarm.NodeDescription{Hostname: name}, Status: swarm.NodeStatus{State: swarm.NodeStateReady}}
		if i == 0 || strings.HasPrefix(name, "manager") {
			node.Spec.Role, node.Spec.Labels[labelRole] = swarm.NodeRoleManager, "manager"
			node.ManagerStatus = &swarm.ManagerStatus{Leader: i == 0, Reachability: swarm.ReachabilityReachable}
		}
		m.nodes = append(m.nodes, node)
	}
	m.me = m.nodes[0].ID
	return m
}

func (m *memory) next() swarm.Version { m.index++; return swarm.Version{Index: m.index} }

// lock begins a question. Nobody gets an answer after the end of the context.
func (m *memory) lock(ctx context.Context, method string) (func(), error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if m.takes > 0 { // not a timer of 0, which would let others go first
		time.Sleep(m.takes)
	}
	m.mutex.Lock()
	if slices.Contains(m.hangs, method) {
		m.mutex.Unlock()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	var err error
	if m.before != nil {
		err = m.before(method)
	}
	if err = cmp.Or(err, ctx.Err()); err != nil {
		m.mutex.Unlock()
		return nil, err
	}
	return m.mutex.Unlock, nil
}

// outage has every question end with an error; nil ends it.
func (m *memory) outage(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.before = func(string) error { return err }
}

// answer is what a change that was made is answered.
func (m *memory) answer(method string) error {
	if m.after != nil {
		return m.after(method)
	}
	return nil
}

func matches(args filters.Args, name, id string, labels map[string]string) bool {
	for _, want := range args.Get("label") {
		key, value, hasValue := strings.Cut(want, "=")
		if got, ok := labels[key]; !ok || hasValue && got != value {
			return false
		}
	}
	if names := args.Get("name"); len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(name, n) }) {
		return false
	}
	ids := args.Get("id")
	return len(ids) == 0 || slices.Contains(ids, id)
}

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

// SwarmInit makes the node that is asked the only manager, as Docker does when it is
// forced: the others keep their entries, as they were last seen.
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

func (m *memory) ServiceList(ctx context.Context, o swarm.ServiceListOptions) ([]swarm.Service, error) {
	unlock, err := m.lock(ctx, "ServiceList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []swarm.Service
	for _, s := range m.services {
		if matches(o.Filters, s.Spec.Name, s.ID, s.Spec.Labels) {
			s.Spec = cloneSpec(s.Spec)
			list = append(list, s)
		}
	}
	return list, nil
}

func (m *memory) ServiceCreate(ctx context.Context, spec swarm.ServiceSpec, _ swarm.ServiceCreateOptions) (swarm.ServiceCreateResponse, error) {
	unlock, err := m.lock(ctx, "ServiceCreate")
	if err != nil {
		return swarm.ServiceCreateResponse{}, err
	}
	defer unlock()
	if slices.ContainsFunc(m.services, func(s swarm.Service) bool { return s.Spec.Name == spec.Name }) {
		return swarm.ServiceCreateResponse{}, fmt.Errorf("name conflicts with an existing object: %w", errdefs.ErrAlreadyExists)
	}
	if spec, err = m.withNetworks(spec); err != nil {
		return swarm.ServiceCreateResponse{}, err
	}
	version := m.next()
	id := fmt.Sprintf("service-%d", version.Index)
	m.services = append(m.services, swarm.Service{ID: id, Meta: swarm.Meta{Version: version}, Spec: spec})
	m.tell(events.ServiceEventType)
	return swarm.ServiceCreateResponse{ID: id}, m.answer("ServiceCreate")
}

func (m *memory) ServiceUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.ServiceSpec, _ swarm.ServiceUpdateOptions) (swarm.ServiceUpdateResponse, error) {
	unlock, err := m.lock(ctx, "ServiceUpdate")
	if err != nil {
		return swarm.ServiceUpdateResponse{}, err
	}
	defer unlock()
	for i := range m.services {
		s := &m.services[i]
		if s.ID != id {
			continue
		}
		if s.Version != version {
			return swarm.ServiceUpdateResponse{}, fmt.Errorf("rpc error: code = Unknown desc = update out of sequence")
		}
		if spec, err = m.withNetworks(spec); err != nil {
			return swarm.ServiceUpdateResponse{}, err
		}
		former := s.Spec
		m.previous[id], s.PreviousSpec = former, &former
		s.Spec, s.Version, s.UpdateStatus = spec, m.next(), nil
		m.updates[spec.Name]++
		m.tell(events.ServiceEventType)
		return swarm.ServiceUpdateResponse{}, m.answer("ServiceUpdate")
	}
	return swarm.ServiceUpdateResponse{}, errdefs.ErrNotFound
}

// withNetworks is a copy of a spec with the ids of networks, as Docker keeps it.
func (m *memory) withNetworks(spec swarm.ServiceSpec) (swarm.ServiceSpec, error) {
	spec = cloneSpec(spec)
	if m.fills != nil {
		m.fills(&spec)
	}
	for i, joined := range spec.TaskTemplate.Networks {
		at := slices.IndexFunc(m.networks, func(n network.Summary) bool { return n.Name == joined.Target || n.ID == joined.Target })
		if at < 0 {
			return spec, fmt.Errorf("network %s not found", joined.Target)
		}
		spec.TaskTemplate.Networks[i].Target = m.networks[at].ID
	}
	return spec, nil
}

func (m *memory) ServiceRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "ServiceRemove")
	if err != nil {
		return err
	}
	defer unlock()
	m.services = slices.DeleteFunc(m.services, func(s swarm.Service) bool { return s.ID == id })
	m.tasks = slices.DeleteFunc(m.tasks, func(t swarm.Task) bool { return t.ServiceID == id })
	m.tell(events.ServiceEventType)
	return m.answer("ServiceRemove")
}

func (m *memory) TaskList(ctx context.Context, o swarm.TaskListOptions) ([]swarm.Task, error) {
	unlock, err := m.lock(ctx, "TaskList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	m.step()
	var list []swarm.Task
	for _, t := range m.tasks {
		if matches(o.Filters, "", t.ID, t.Labels) {
			list = append(list, t)
		}
	}
	return list, nil
}

func (m *memory) TaskLogs(ctx context.Context, id string, _ container.LogsOptions) (io.ReadCloser, error) {
	text := "the last words of " + id
	frame := append([]byte{1, 0, 0, 0, 0, 0, 0, byte(len(text))}, text...)
	return io.NopCloser(bytes.NewReader(frame)), nil
}

func (m *memory) NetworkList(ctx context.Context, o network.ListOptions) ([]network.Summary, error) {
	unlock, err := m.lock(ctx, "NetworkList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []network.Summary
	for _, n := range m.networks {
		if matches(o.Filters, n.Name, n.ID, n.Labels) {
			list = append(list, n)
		}
	}
	return list, nil
}

func (m *memory) NetworkCreate(ctx context.Context, name string, o network.CreateOptions) (network.CreateResponse, error) {
	unlock, err := m.lock(ctx, "NetworkCreate")
	if err != nil {
		return network.CreateResponse{}, err
	}
	defer unlock()
	if networkNamed(m.networks, name) != nil {
		return network.CreateResponse{}, errdefs.ErrAlreadyExists
	}
	id := fmt.Sprintf("network-%d", m.next().Index)
	options := map[string]string{}
	maps.Copy(options, o.Options)
	if o.Driver == defaultDriver {
		options[vxlans] = "4097"
	}
	addresses := network.IPAM{Driver: defaultIPAM, Config: []network.IPAMConfig{{Subnet: "10.0.1.0/24", Gateway: "10.0.1.1"}}}
	if o.IPAM != nil {
		addresses.Driver = cmp.Or(o.IPAM.Driver, defaultIPAM)
		for i, config := range o.IPAM.Config {
			addresses.Config = append(addresses.Config[:i], network.IPAMConfig{Subnet: config.Subnet, Gateway: "10.9.0.1"})
		}
	}
	m.networks = append(m.networks, network.Summary{ID: id, Name: name, Driver: o.Driver, Scope: "swarm", Labels: o.Labels,
		IPAM: addresses, Options: options, Internal: o.Internal, Attachable: o.Attachable})
	return network.CreateResponse{ID: id}, m.answer("NetworkCreate")
}

func (m *memory) NetworkRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "NetworkRemove")
	if err != nil {
		return err
	}
	defer unlock()
	for _, s := range m.services {
		if slices.ContainsFunc(s.Spec.TaskTemplate.Networks, func(n swarm.NetworkAttachmentConfig) bool { return n.Target == id }) {
			return fmt.Errorf("network %s is in use by service %s: %w", id, s.ID, errdefs.ErrFailedPrecondition)
		}
	}
	m.networks = slices.DeleteFunc(m.networks, func(n network.Summary) bool { return n.ID == id })
	return m.answer("NetworkRemove")
}

func (m *memory) ConfigList(ctx context.Context, o swarm.ConfigListOptions) ([]swarm.Config, error) {
	unlock, err := m.lock(ctx, "ConfigList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []swarm.Config
	for _, c := range m.configs {
		if matches(o.Filters, c.Spec.Name, c.ID, c.Spec.Labels) {
			list = append(list, c)
		}
	}
	return list, nil
}

func (m *memory) ConfigCreate(ctx context.Context, spec swarm.ConfigSpec) (swarm.ConfigCreateResponse, error) {
	unlock, err := m.lock(ctx, "ConfigCreate")
	if err != nil {
		return swarm.ConfigCreateResponse{}, err
	}
	defer unlock()
	if slices.ContainsFunc(m.configs, func(c swarm.Config) bool { return c.Spec.Name == spec.Name }) {
		return swarm.ConfigCreateResponse{}, errdefs.ErrAlreadyExists
	}
	version := m.next()
	id := fmt.Sprintf("config-%d", version.Index)
	m.configs = append(m.configs, swarm.Config{ID: id, Meta: swarm.Meta{Version: version}, Spec: spec})
	return swarm.ConfigCreateResponse{ID: id}, m.answer("ConfigCreate")
}

func (m *memory) ConfigUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.ConfigSpec) error {
	unlock, err := m.lock(ctx, "ConfigUpdate")
	if err != nil {
		return err
	}
	defer unlock()
	for i := range m.configs {
		if m.configs[i].ID == id {
			if m.configs[i].Version != version {
				return fmt.Errorf("update out of sequence")
			}
			m.configs[i].Spec, m.configs[i].Version = spec, m.next()
			return m.answer("ConfigUpdate")
		}
	}
	return errdefs.ErrNotFound
}

func (m *memory) ConfigRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "ConfigRemove")
	if err != nil {
		return err
	}
	defer unlock()
	m.configs = slices.DeleteFunc(m.configs, func(c swarm.Config) bool { return c.ID == id })
	return m.answer("ConfigRemove")
}

func (m *memory) SecretList(ctx context.Context, _ swarm.SecretListOptions) ([]swarm.Secret, error) {
	unlock, err := m.lock(ctx, "SecretList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(m.secrets), nil
}

func (m *memory) SecretCreate(ctx context.Context, spec swarm.SecretSpec) (swarm.SecretCreateResponse, error) {
	unlock, err := m.lock(ctx, "SecretCreate")
	if err != nil {
		return swarm.SecretCreateResponse{}, err
	}
	defer unlock()
	if slices.ContainsFunc(m.secrets, func(s swarm.Secret) bool { return s.Spec.Name == spec.Name }) {
		return swarm.SecretCreateResponse{}, errdefs.ErrAlreadyExists
	}
	version := m.next()
	id := fmt.Sprintf("secret-%d", version.Index)
	m.secrets = append(m.secrets, swarm.Secret{ID: id, Meta: swarm.Meta{Version: version}, Spec: spec})
	return swarm.SecretCreateResponse{ID: id}, nil
}

func (m *memory) SecretRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "SecretRemove")
	if err != nil {
		return err
	}
	defer unlock()
	m.secrets = slices.DeleteFunc(m.secrets, func(s swarm.Secret) bool { return s.ID == id })
	return m.answer("SecretRemove")
}

func (m *memory) DistributionInspect(ctx context.Context, image, _ string) (registry.DistributionInspect, error) {
	if m.inspect != nil {
		m.inspect()
	}
	unlock, err := m.lock(ctx, "DistributionInspect")
	if err != nil {
		return registry.DistributionInspect{}, err
	}
	defer unlock()
	var answer registry.DistributionInspect
	sum := sha256.Sum256([]byte(image))
	err = json.Unmarshal(fmt.Appendf(nil, `{"Descriptor":{"digest":"sha256:%x"},"Platforms":%s}`, sum, cmp.Or(m.platforms[image], "null")), &answer)
	if err := cmp.Or(m.registry[image], err); err != nil {
		return registry.DistributionInspect{}, err
	}
	return answer, nil
}

func (m *memory) Events(ctx context.Context, o events.ListOptions) (<-chan events.Message, <-chan error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.listened, m.breaks = o.Filters, make(chan error)
	return m.events, m.breaks
}

func (m *memory) tell(kind events.Type) {
	select {
	case m.events <- events.Message{Type: kind}:
	default:
	}
}

// store adds a secret version.
func (m *memory) store(name, version string) {
	m.secrets = append(m.secrets, swarm.Secret{ID: "id-" + version, Meta: swarm.Meta{Version: m.next()},
		Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: version, Labels: map[string]string{labelSecret: name}}}})
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
