package release

import (
	"context"
	"slices"
	"time"
)

const (
	// After this many heals of the same difference, each soon after the one before, the
	// agent assumes that somebody or something keeps changing it.
	fightHeals  = 3
	fightWindow = 5 * time.Minute
	// backOff is how long the agent then leaves a stack alone.
	backOff = 10 * time.Minute
)

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

// tend starts to heal one stack, and also the nodes if this stack has that task. It
// finishes an interrupted run even if nothing differs. The agent does not wait for the
// result: a stack that does not come up must not delay the others. tend returns false for a
// stack that is still being healed or whose healing did not last recently, and while a node
// is vacated: one process has one claim on a stack.
func (a *agent) tend(ctx context.Context, stack string, last *Release, state State, nodes, died bool) bool {
	h := a.healing(stack)
	if h.busy || a.vacating != "" || a.now().Before(h.until) {
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

// heals tells whether a stack is being healed.
func (a *agent) heals() bool {
	for _, h := range a.stacks {
		if h.busy {
			return true
		}
	}
	return false
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
