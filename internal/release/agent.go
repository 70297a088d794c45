package release

import (
	"context"
	"slices"
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
	// After this many heals of the same difference, each soon after the one before, the
	// agent assumes that somebody or something keeps changing it.
	fightHeals  = 3
	fightWindow = 5 * time.Minute
	// backOff is how long the agent then leaves a stack alone.
	backOff = 10 * time.Minute
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
			a.seeNames(ctx, alive)
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
	left              chan Result // of Vacate
}

func newAgent(d *Deployer) *agent {
	return &agent{Deployer: d, stacks: map[string]*healing{}, waiting: map[string]time.Time{},
		changed: make(chan struct{}, 1), done: make(chan healed), left: make(chan Result)}
}

// healing is how a stack was healed lately.
type healing struct {
	busy  bool
	tries map[string]tries // by what differed
	until time.Time        // the agent leaves the stack alone until then
}

// tries counts heals of one difference, each soon after the one before.
type tries struct {
	count int
	last  time.Time
}

// healed is how healing a stack went.
type healed struct {
	stack  string
	what   []string // differed
	result Result
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

// tend starts to heal one stack, and also the nodes if this stack has that task. It
// finishes an interrupted run even if nothing differs. The agent does not wait for the
// result: a stack that does not come up must not delay the others. tend returns false for a
// stack that is still being healed or whose healing did not last recently.
func (a *agent) tend(ctx context.Context, stack string, last *Release, state State, nodes, died bool) bool {
	h := a.healing(stack)
	if h.busy || a.now().Before(h.until) {
		return false
	}
	a.schedule(ctx, stack, state)
	differences := slices.DeleteFunc(healable(Differences(last, state)), func(d Difference) bool { return d.isOfNode() && !nodes })
	if len(differences) == 0 && !died {
		return true
	}
	a.heal(ctx, stack, differences)
	return true
}

// healing is how a stack was healed lately.
func (a *agent) healing(stack string) *healing {
	if a.stacks[stack] == nil {
		a.stacks[stack] = &healing{tries: map[string]tries{}}
	}
	return a.stacks[stack]
}

// heal begins to put back what differs.
func (a *agent) heal(ctx context.Context, stack string, differences []Difference) {
	var what []string
	for _, d := range differences {
		what = append(what, d.Code+" "+d.Name+" "+d.Path)
	}
	a.healing(stack).busy = true
	go func() { a.done <- healed{stack, what, a.Reconcile(ctx, stack)} }()
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

// note says how healing went. If the same difference came back too often, somebody
// changes it on purpose.
func (a *agent) note(one healed) {
	h := a.stacks[one.stack]
	h.busy = false
	switch one.result.Outcome {
	case Busy:
		return
	case Runs:
		a.say(journalHealed+" %.1f s: %s", one.result.Seconds, one.result.Verdict)
	default:
		a.say(journalNotHealed+" after %.1f s: %s", one.result.Seconds, one.result.Verdict)
	}
	switch {
	case one.result.tookOver && one.result.Outcome == Runs: // nobody keeps causing this difference: a deployment died
		return
	case one.result.tookOver: // the dead run is still unfinished
		one.what = append(one.what, "died")
	}
	now := a.now()
	if !h.tooOften(one, now) {
		return
	}
	h.until, h.tries = now.Add(backOff), map[string]tries{}
	if one.result.Outcome != Runs {
		a.say("%s: HEALING FAILS: %d times, each within %s of the one before. The agent pauses for %s; `stackctl status %s` and the lines above say what is wrong",
			one.stack, fightHeals, fightWindow, backOff, one.stack)
		return
	}
	a.say("%s: "+journalHealsInVain+": %d times, each within %s of the one before. The agent pauses for %s; find out who changes it, or `stackctl pause %s 1h --why ...`",
		one.stack, fightHeals, fightWindow, backOff, one.stack)
}

// tooOften counts what was healed, and tells whether any of it keeps coming back.
func (h *healing) tooOften(one healed, now time.Time) bool {
	often := false
	began := now.Add(-time.Duration(one.result.Seconds * float64(time.Second)))
	for _, what := range one.what {
		t := h.tries[what]
		if began.Sub(t.last) > fightWindow {
			t.count = 0
		}
		h.tries[what] = tries{t.count + 1, now}
		often = often || t.count+1 >= fightHeals
	}
	return often
}
