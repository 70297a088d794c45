package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"averazure/internal/host"
)

// noLogin is why a node lets nobody in.
type noLogin struct {
	node string
	why  error
}

func (n *noLogin) Error() string { return n.why.Error() }
func (n *noLogin) Unwrap() error { return n.why }

// comeback is how long a node that let nobody in when the run began has to answer after
// all, when something is to be done on it: it may be restarting.
const comeback = time.Minute

// Reach fails where a node of the route let nobody in when the run began and does not
// answer within a minute now. The engine's own attempts have no such bound: each one to a
// node that is cut off takes two minutes, and one to a node that is frozen never ends. Of a
// node that nobody asked, or that has another address or host key since, nothing is known,
// and Reach does not fail.
func (m *Marks) Reach(ctx context.Context, route []host.Stop) error {
	if m == nil {
		return nil
	}
	for _, stop := range route {
		if stop.Address != "?" && stop.HostKey != "?" {
			m.passed.Store(stop.Node, stop)
		}
	}
	<-m.asked.done
	if !m.before.leads(route) {
		return nil
	}
	for _, stop := range route {
		if slices.Contains(m.asked.closed, stop.Node) {
			if err := m.wait(ctx, stop.Node); err != nil {
				return err
			}
		}
	}
	return nil
}

// leads tells whether a route is still the one that the last run left.
func (s state) leads(route []host.Stop) bool {
	return !slices.ContainsFunc(route, func(stop host.Stop) bool {
		return !slices.ContainsFunc(s.nodes, func(n node) bool {
			address := n.PublicAddress
			if n.Role != manager {
				address = n.PrivateAddress
			}
			return n.Name == stop.Node && address == stop.Address && strings.TrimSpace(n.HostKey) == stop.HostKey
		})
	})
}

// wait waits for a node to answer, as long as it may take to come back.
func (m *Marks) wait(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeout(ctx, m.before.comeback)
	defer cancel()
	for {
		err := m.before.reach(ctx, node)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer, and nothing was changed on it: %w. "+
				"Start its VM, or rebuild it (docs/operations.md, \"A node is down\"); then run `pulumi up` again", node, err)
		case <-time.After(m.before.patience):
		}
	}
}

// reach logs in to a node once, as the program does.
func (s state) reach(ctx context.Context, name string) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	at := slices.IndexFunc(s.nodes, func(n node) bool { return n.Name == name })
	if at < 0 {
		return nil
	}
	if s.nodes[at].Role == manager {
		_, err := s.login(ctx, s.nodes[at], nil)
		return err
	}
	managers, err := s.answering(ctx, name)
	if len(managers) == 0 {
		return err
	}
	_, err = s.login(ctx, s.nodes[at], managers[0].client)
	return err
}

// answering are the managers that answer, without the one that it is about unless that is
// the only one there is, and why others do not.
func (s state) answering(ctx context.Context, about string) ([]opened, error) {
	is := func(n node) bool { return n.Role == manager && n.Name != about }
	if slices.ContainsFunc(s.nodes, is) {
		s.nodes = slices.DeleteFunc(slices.Clone(s.nodes), func(n node) bool { return !is(n) })
	}
	var mutex sync.Mutex
	var problems []error
	managers := s.openManagers(ctx, func(n node, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		problems = append(problems, fmt.Errorf("%s (%s): %w", n.Name, n.PublicAddress, err))
	})
	return managers, errors.Join(problems...)
}

// present is what the last run left, with the addresses and host keys that nodes have in
// this run: those of its commands, which came by in Reach.
func (m *Marks) present() state {
	s := m.before
	s.nodes = slices.Clone(s.nodes)
	for i := range s.nodes {
		n := &s.nodes[i]
		if stop, ok := m.passed.Load(n.Name); ok && n.Role == manager {
			n.PublicAddress, n.HostKey = stop.(host.Stop).Address, stop.(host.Stop).HostKey
		}
	}
	return s
}
