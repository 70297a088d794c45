package release

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"
)

// virtual runs a subtest in virtual time, which only passes while all goroutines wait: the
// load of the computer makes no difference.
func virtual(t *testing.T, name string, body func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, body) })
}

// memory is a Swarm in memory. Its tasks move on by one step whenever somebody lists them.
// They behave as the name of their image says: run, crash, end (with 0), missing, sick (its
// health check fails), slow (it never starts), blink and flash (they run for a moment, and
// fail or end with 0).
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
	registry map[string]error // by image; nil means that it has a digest
	// platforms are the registry's answers about the platforms of an image, as JSON; null
	// without.
	platforms map[string]string
	inspect   func() // called before the registry answers
	events    chan events.Message
	listened  filters.Args // filters of the last one who asked for events
	// takes is how long every question takes; questions at the same time take it together.
	takes time.Duration
	// before is called ahead of every question, by its method; an error is its answer.
	before func(method string) error
	// after is called when a change is made; an error replaces the answer.
	after func(method string) error
	// fills fills in a service's spec, as Docker itself does.
	fills func(*swarm.ServiceSpec)
	// breaks ends the stream of events of anyone who listens.
	breaks chan error
	// refusals is how many more tasks the nodes refuse, and refuse is their error then.
	refusals int
	refuse   string
	// hangs are the methods that only answer when the context ends.
	hangs []string
	// dropped is an image whose tasks the scheduler forgets until they are forced.
	dropped string
	// spread makes the scheduler spread tasks, instead of giving all to the first node.
	spread bool
	// full is the id of a node on which no new task starts, and fullSays is its error then.
	full, fullSays string
	// state and peers are what Docker reports about itself and about the other managers.
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

// outage makes every question end with an error; nil ends the outage.
func (m *memory) outage(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.before = func(string) error { return err }
}

// answer is the answer to a change that was made.
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
