package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// noLogin is the reason why a login to a node failed.
type noLogin struct {
	node string
	why  error
}

func (n *noLogin) Error() string { return n.why.Error() }
func (n *noLogin) Unwrap() error { return n.why }

// comeback is how long Reach waits for a node on which the login failed when the run began:
// the node may be restarting.
const comeback = time.Minute

// Reach fails if the route has one of the closed nodes, on which the login failed when the
// run began, and that node does not answer within a minute. The engine's own attempts have
// no such limit: each attempt takes two minutes for a node that is cut off, and never ends
// for a node that is frozen. Nothing is known about a node that was not asked, or whose
// address or host key has changed since; for such a node Reach does not fail.
func (c Cluster) Reach(ctx context.Context, closed []string, route []Stop) error {
	if !c.leads(route) {
		return nil
	}
	for _, stop := range route {
		if slices.Contains(closed, stop.Node) {
			if err := c.wait(ctx, stop.Node); err != nil {
				return err
			}
		}
	}
	return nil
}

// leads tells whether a route is still the one that the last run left.
func (c Cluster) leads(route []Stop) bool {
	return !slices.ContainsFunc(route, func(stop Stop) bool {
		return !slices.ContainsFunc(c.Nodes, func(n Node) bool {
			address := n.PublicAddress
			if n.Role != Manager {
				address = n.PrivateAddress
			}
			return n.Name == stop.Node && address == stop.Address && strings.TrimSpace(n.HostKey) == stop.HostKey
		})
	})
}

// wait waits for a node to answer, as long as it may take to come back.
func (c Cluster) wait(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeout(ctx, c.comeback)
	defer cancel()
	for {
		err := c.reach(ctx, node)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer, and nothing was changed on it: %w. "+
				"Start its VM, or rebuild it (docs/operations.md, \"A node is down\"); then run `pulumi up` again", node, err)
		case <-time.After(c.patience):
		}
	}
}

// reach logs in to a node once, as the program does.
func (c Cluster) reach(ctx context.Context, name string) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	at := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Name == name })
	if at < 0 {
		return nil
	}
	if c.Nodes[at].Role == Manager {
		_, err := c.login(ctx, c.Nodes[at], nil)
		return err
	}
	managers, err := c.answering(ctx, name)
	if len(managers) == 0 {
		return err
	}
	_, err = c.login(ctx, c.Nodes[at], managers[0].client)
	return err
}

// answering are the managers that answer, and why the others do not. The manager that the
// command is about is left out, unless it is the only one.
func (c Cluster) answering(ctx context.Context, about string) ([]opened, error) {
	is := func(n Node) bool { return n.Role == Manager && n.Name != about }
	if slices.ContainsFunc(c.Nodes, is) {
		c.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return !is(n) })
	}
	var mutex sync.Mutex
	var problems []error
	managers := c.openManagers(ctx, func(n Node, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		problems = append(problems, fmt.Errorf("%s (%s): %w", n.Name, n.PublicAddress, err))
	})
	return managers, errors.Join(problems...)
}
