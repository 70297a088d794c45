package release

import (
	"context"
	"slices"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

const (
	// comparePause is the time between two full comparisons, for what no event told.
	comparePause = time.Minute
	// gather is how long the agent waits after an event for those that belong to it.
	gather = 500 * time.Millisecond
	// heals in so short a time mean that somebody or something changes it again.
	fightHeals  = 3
	fightWindow = 5 * time.Minute
	// backOff is how long the agent then leaves a stack alone.
	backOff = 10 * time.Minute
)

// Agent keeps all stacks as they were released, until the context ends. Every
// manager runs one; the leader's acts. Alive is called at least every half minute
// while all is well.
func (d *Deployer) Agent(ctx context.Context, alive func()) error {
	if !d.standBy(ctx, alive) {
		return nil
	}
	a := &agent{Deployer: d, stacks: map[string]*healing{}, waiting: map[string]time.Time{}}
	changed := make(chan struct{}, 1)
	go a.follow(ctx, changed)
	d.say("agent: watching on %s", d.Host)
	compare := time.NewTicker(comparePause)
	defer compare.Stop()
	tick := time.NewTicker(comparePause / 4)
	defer tick.Stop()
	for {
		alive()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			continue
		case <-changed:
			if d.sleep(ctx, gather) != nil {
				return nil
			}
			drain(changed)
		case <-compare.C:
		}
		a.round(ctx, alive)
	}
}

// agent is what one manager's agent remembers.
type agent struct {
	*Deployer
	leads   bool
	stacks  map[string]*healing
	waiting map[string]time.Time // since when a service's tasks find no node, by its name
}

// healing is how often a stack was healed lately.
type healing struct {
	times []time.Time
	until time.Time // it is left alone until then
}

// follow passes on that something changed in the Swarm, for as long as it lives.
func (a *agent) follow(ctx context.Context, changed chan<- struct{}) {
	kinds := filters.NewArgs()
	for _, kind := range []events.Type{events.ServiceEventType, events.NodeEventType, events.NetworkEventType, events.SecretEventType, events.ConfigEventType} {
		kinds.Add("type", string(kind))
	}
	for ctx.Err() == nil {
		messages, errs := a.Swarm.Events(ctx, events.ListOptions{Filters: kinds})
		signal(changed) // what happened while nobody listened
	listening:
		for {
			select {
			case <-messages:
				signal(changed)
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

// round compares every stack with its release and heals, where this manager leads.
func (a *agent) round(ctx context.Context, alive func()) {
	leads, err := a.isLeader(ctx)
	if err != nil {
		a.say("agent: %v", err)
		return
	}
	if leads != a.leads {
		a.leads = leads
		if leads {
			a.say("agent: %s leads the Swarm, and heals from now on", a.Host)
		}
	}
	if !leads {
		return
	}
	stacks, err := a.Deployer.stacks(ctx)
	if err != nil {
		a.say("agent: %v", err)
		return
	}
	for _, stack := range stacks {
		alive()
		a.tend(ctx, stack, alive)
	}
}

func (a *agent) isLeader(ctx context.Context) (bool, error) {
	nodes, err := a.nodes(ctx)
	for _, node := range nodes {
		if node.ID == a.node {
			return node.ManagerStatus != nil && node.ManagerStatus.Leader, err
		}
	}
	return false, err
}

// tend heals one stack, unless that did not hold lately.
func (a *agent) tend(ctx context.Context, stack string, alive func()) {
	h := a.stacks[stack]
	if h == nil {
		h = &healing{}
		a.stacks[stack] = h
	}
	if a.now().Before(h.until) {
		return
	}
	a.schedule(ctx, stack)
	healed := false
	result := a.watched(ctx, alive, func(ctx context.Context) Result {
		last, differences, err := a.compare(ctx, stack)
		if err != nil || last == nil || len(healable(differences)) == 0 {
			return Result{Outcome: Runs}
		}
		healed = true
		return a.Reconcile(ctx, stack)
	})
	switch {
	case !healed || result.Outcome == Busy:
		return
	case result.Outcome == Runs:
		a.say("healed in %.1f s: %s", result.Seconds, result.Verdict)
	default:
		a.say("not healed after %.1f s: %s", result.Seconds, result.Verdict)
	}
	h.times = append(slices.DeleteFunc(h.times, func(t time.Time) bool { return a.now().Sub(t) > fightWindow }), a.now())
	if len(h.times) >= fightHeals {
		h.until, h.times = a.now().Add(backOff), nil
		a.say("%s: HEALING DOES NOT HOLD: %d times in %s. Leaving it alone for %s; find out who changes it, or `stackctl pause %s 1h --why ...`",
			stack, fightHeals, fightWindow, backOff, stack)
	}
}

// watched runs something long and says meanwhile that the agent lives.
func (a *agent) watched(ctx context.Context, alive func(), action func(context.Context) Result) Result {
	done := make(chan Result, 1)
	go func() { done <- action(ctx) }()
	tick := time.NewTicker(comparePause / 4)
	defer tick.Stop()
	for {
		select {
		case result := <-done:
			return result
		case <-tick.C:
			alive()
		}
	}
}

// schedule has Swarm schedule anew what waits for a node for half a minute although
// one would take it; see watch.help.
func (a *agent) schedule(ctx context.Context, stack string) {
	state, err := a.state(ctx, stack)
	if err != nil {
		return
	}
	w := &watch{d: a.Deployer, stack: stack, since: a.waiting, forced: map[string]bool{}}
	scene := newScene(state.Nodes, state.Tasks)
	for _, service := range state.Services {
		name := service.Spec.Name
		if scene.judge(service, false).condition != isHomeless {
			delete(a.waiting, name)
			continue
		}
		if _, seen := a.waiting[name]; !seen {
			a.waiting[name] = a.now()
		}
		if holders, err := a.Holders(ctx); err != nil || len(holders) > 0 {
			return
		}
		if w.help(ctx, scene, service); w.forced[name] {
			a.waiting[name] = a.now().Add(fightWindow)
		}
	}
}

// healable are the differences that a release can put back: not a node that is
// down, nor a secret whose value only `pulumi up` knows.
func healable(all []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(all), func(difference Difference) bool {
		return difference.Code == CodeNodeDown || difference.Code == CodeSecretMissing
	})
}
