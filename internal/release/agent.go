package release

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

const (
	// comparePause is the time between two full comparisons. They find differences that no
	// event reported.
	comparePause = time.Minute
	// yieldPause is the time between two checks for runs that died on this host. It is less
	// than the half minute that Agent promises.
	yieldPause = comparePause / 4
	// gather is how long the agent waits after an event for other events that belong to it.
	gather = 500 * time.Millisecond
)

// Agent keeps all stacks as they were released, until the context ends. Every manager runs
// an agent; only the leader's acts. Agent calls alive at least every half minute while all
// is well, and between two questions to Docker that may take long.
func (d *Deployer) Agent(ctx context.Context, alive func()) error {
	if !d.standBy(ctx, alive) {
		return nil
	}
	a := newAgent(d)
	go a.follow(ctx)
	d.say("agent: watching on %s", d.Host)
	compare := time.NewTicker(comparePause)
	defer compare.Stop()
	tick := time.NewTicker(yieldPause)
	defer tick.Stop()
	a.eachMinute(ctx, alive)
	for {
		alive()
		select {
		case <-ctx.Done():
			a.finish()
			return nil
		case <-tick.C:
			a.complain(d.yield(ctx))
			continue
		case h := <-a.done:
			a.note(h)
			signal(a.changed) // something may have changed meanwhile
			continue
		case result := <-a.left:
			a.leave(result)
			signal(a.changed)
			continue
		case <-a.changed:
			if d.sleep(ctx, gather) != nil {
				continue
			}
			drain(a.changed)
		case <-compare.C:
			a.eachMinute(ctx, alive)
			alive()
		}
		a.round(ctx, alive)
	}
}

// agent is what one manager's agent remembers. Only the loop in Agent uses it; the
// goroutines that heal stacks or vacate a node send their results to that loop.
type agent struct {
	*Deployer
	leads   bool
	stacks  map[string]*healing
	reboots string               // what a reboot waits for, as last logged
	waiting map[string]time.Time // by service name: since when its tasks find no node
	read    map[string]*Release  // the last release of each stack, by the id of its config
	names   []Difference         // differences in the names on this node, at the last look
	stale   map[string]bool      // the stale records among names that were logged
	told    map[string]bool      // logged differences that the agent cannot put back
	changed chan struct{}
	done    chan healed
	// vacating is the id of the node that Vacate is at work on, and vacated that of the node
	// that it left last and that is not drained yet; empty for none.
	vacating, vacated string
	shares            shares
	left              chan Result // of Vacate
}

func newAgent(d *Deployer) *agent {
	return &agent{Deployer: d, stacks: map[string]*healing{}, waiting: map[string]time.Time{},
		changed: make(chan struct{}, 1), done: make(chan healed), left: make(chan Result), shares: newShares(d)}
}

// follow reports every change in the Swarm until the context ends. It does not ask for
// events of this node alone, such as a container that joins a network.
func (a *agent) follow(ctx context.Context) {
	kinds := filters.NewArgs(filters.Arg("scope", "swarm"))
	for _, kind := range []events.Type{events.ServiceEventType, events.NodeEventType, events.NetworkEventType, events.SecretEventType, events.ConfigEventType} {
		kinds.Add("type", string(kind))
	}
	for ctx.Err() == nil {
		messages, errs := a.Swarm.Events(ctx, events.ListOptions{Filters: kinds})
		signal(a.changed) // something may have changed while nobody listened
	listening:
		for {
			select {
			case <-messages:
				signal(a.changed)
			case <-errs:
				break listening
			case <-ctx.Done():
				return
			}
		}
		if a.sleep(ctx, time.Second) != nil {
			return
		}
	}
}

func signal(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

func drain(changed <-chan struct{}) {
	select {
	case <-changed:
	default:
	}
}

// finish waits for what is still running, so that nothing is left half done.
func (a *agent) finish() {
	busy := 0
	for _, h := range a.stacks {
		if h.busy {
			busy++
		}
	}
	for range busy {
		a.note(<-a.done)
	}
	if a.vacating != "" {
		a.leave(<-a.left)
	}
}
