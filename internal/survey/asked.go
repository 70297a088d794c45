package survey

import (
	"context"
	"slices"
	"sync"

	"averazure/internal/release"
)

// Asked are the questions of one run and their answers, which arrive while the run goes on.
type Asked struct {
	cluster Cluster
	opened  chan struct{} // closed when silent is known
	silent  []string
	done    chan struct{} // closed when answer is known
	answer  Answer
	passed  sync.Map // the Stops of this run's commands so far, by the node's name
}

// Ask begins to ask the cluster about stacks, the main stack first. When the answer is
// there, it is handed to say before anybody else gets it.
func Ask(ctx context.Context, c Cluster, prefix string, stacks []string, say func(Answer)) *Asked {
	a := &Asked{cluster: c, opened: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.answer = c.Look(ctx, prefix, stacks, func(silent []string) {
			a.silent = silent
			close(a.opened)
		})
		say(a.answer)
	}()
	return a
}

// Answered has the answer already: it asks nobody.
func Answered(c Cluster, silent []string, answer Answer) *Asked {
	a := &Asked{cluster: c, opened: make(chan struct{}), silent: silent, done: make(chan struct{}), answer: answer}
	close(a.opened)
	close(a.done)
	return a
}

// Silent returns the managers that do not answer, if any manager does. It is known 5
// seconds after the run began at the latest.
func (a *Asked) Silent() []string {
	<-a.opened
	return a.silent
}

// Answer waits for the answer.
func (a *Asked) Answer() Answer {
	<-a.done
	return a.answer
}

// Reach waits for the nodes of a command's route that refused the login when the run began;
// see Cluster.Reach. It notes how the nodes are dialled in this run.
func (a *Asked) Reach(ctx context.Context, route []Stop) error {
	for _, stop := range route {
		if stop.Known() {
			a.passed.Store(stop.Node, stop)
		}
	}
	return a.cluster.Reach(ctx, a.Answer().Closed, route)
}

// Run runs a command on a manager, at the address that the manager has in this run; see
// Cluster.Run.
func (a *Asked) Run(ctx context.Context, about, line, input string) error {
	return a.present().Run(ctx, about, line, input)
}

// present is the cluster with the addresses and host keys that managers have in this run.
func (a *Asked) present() Cluster {
	c := a.cluster
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if stop, ok := a.passed.Load(n.Name); ok && n.Role == Manager {
			n.PublicAddress, n.HostKey = stop.(Stop).Address, stop.(Stop).HostKey
		}
	}
	return c
}

// Diff makes a manager that answers say what the deployment of a request would change; see
// Cluster.Diff.
func (a *Asked) Diff(ctx context.Context, stack string, request []byte) (release.Diff, error) {
	return a.cluster.Diff(ctx, a.Silent(), stack, request)
}
