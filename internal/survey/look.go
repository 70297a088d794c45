package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// limit bounds all questions of one run together.
const limit = 15 * time.Second

// Look asks a manager for the Swarm's own view, and every node for its Docker settings. The
// main stack is the first one. Look calls know, once, with the managers that do not answer
// while another one does.
func (c Cluster) Look(ctx context.Context, prefix string, stacks []string, know func(silent []string)) Answer {
	ctx, hangUp := context.WithTimeout(ctx, c.limit)
	defer hangUp()
	all := &answers{Answer: Answer{Status: map[string]release.Status{}}}
	managers := c.openManagers(ctx, func(n Node, err error) {
		all.note(nil, fmt.Errorf("%s (%s) cannot be asked for changes by hand: %w; if its VM is gone, `pulumi up --refresh` rebuilds it", n.Name, n.PublicAddress, err))
	})
	silent := c.silent(managers)
	know(silent)
	if len(managers) == 0 {
		for _, n := range c.Nodes {
			if n.Role != Manager { // it is reached through one
				all.Closed = append(all.Closed, n.Name)
			}
		}
		return all.sorted()
	}
	if slices.Contains(silent, c.Door) {
		all.note(nil, fmt.Errorf("`pulumi up` goes through %s, which does not answer; until it does, set averazure:door to another manager, such as %s (docs/operations.md)",
			c.Door, managers[0].Name))
	}
	var group sync.WaitGroup
	for i, stack := range stacks {
		group.Go(func() {
			status, err := c.askSwarm(ctx, managers, stack)
			if err != nil {
				all.note(nil, err)
				return
			}
			all.note(c.differences(status, prefix, stack, i == 0), nil)
			all.mutex.Lock()
			defer all.mutex.Unlock()
			all.Status[stack] = status
		})
	}
	c.askNodes(ctx, &group, managers, all.note)
	group.Wait()
	return all.sorted()
}

// Answer is what was learned from the nodes.
type Answer struct {
	Found    []Difference
	Status   map[string]release.Status // of the stacks about which a manager could be asked
	Problems []string                  // why some nodes could not be asked
	Closed   []string                  // the nodes on which the login failed
}

// answers gathers an Answer from several nodes at once.
type answers struct {
	mutex sync.Mutex
	Answer
}

// note adds differences, or why they are not known.
func (a *answers) note(more []Difference, err error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.Found = append(a.Found, more...)
	if err != nil {
		a.Problems = append(a.Problems, err.Error())
	}
	var closed *noLogin
	if errors.As(err, &closed) {
		a.Closed = append(a.Closed, closed.node)
	}
}

// sorted returns the answer in a fixed order.
func (a *answers) sorted() Answer {
	slices.SortFunc(a.Found, func(a, b Difference) int {
		return slices.Compare([]string{a.Resource, a.Text}, []string{b.Resource, b.Text})
	})
	slices.Sort(a.Problems)
	return a.Answer
}

// opened is a node with an open connection.
type opened struct {
	Node
	client *ssh.Client
}

// openManagers logs in to all managers at once, each at its public address, since managers
// accept no SSH from one another. It returns those that answered, in their order.
func (c Cluster) openManagers(ctx context.Context, note func(Node, error)) []opened {
	all := slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return n.Role != Manager })
	found := make([]opened, len(all))
	var group sync.WaitGroup
	for i, n := range all {
		group.Go(func() {
			client, err := c.login(ctx, n, nil)
			if err != nil {
				note(n, err)
			}
			found[i] = opened{n, client}
		})
	}
	group.Wait()
	return slices.DeleteFunc(found, func(o opened) bool { return o.client == nil })
}

// silent are the managers that do not answer; none if no manager answers.
func (c Cluster) silent(answer []opened) []string {
	var names []string
	for _, n := range c.Nodes {
		if len(answer) > 0 && n.Role == Manager && !slices.ContainsFunc(answer, func(o opened) bool { return o.Name == n.Name }) {
			names = append(names, n.Name)
		}
	}
	return names
}
