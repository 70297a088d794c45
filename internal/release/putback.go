package release

import (
	"cmp"
	"context"
	"fmt"
)

// putBack returns the whole stack to its last good release. A first deployment has none, so
// the stack remains as it is, for somebody to look at: the parts that do run may be needed
// (a database that came up), and the next deployment replaces them anyway.
func (w *work) putBack(ctx context.Context, problems []Problem) Result {
	result := Result{Outcome: Failed, Problems: problems}
	last := w.history.last()
	if last == nil {
		result.Verdict = fmt.Sprintf("%s: the deployment failed (%s); there is no good release to go back to, so nothing was put back", w.stack, reasons(problems))
		return result
	}
	result.Release = last.Number
	w.say("%s: putting release %d back", w.stack, last.Number)
	number, again, err := w.again(ctx, *last, ByRollback)
	switch {
	case ctx.Err() != nil:
		return w.lost(context.Cause(ctx))
	case err != nil:
		again = append(again, problemOf(err))
		fallthrough
	case len(again) > 0:
		w.explain(again)
		result.Problems = append(result.Problems, again...)
		result.Verdict = fmt.Sprintf("%s: the deployment failed (%s), and release %d does not come up either (%s); the agent keeps trying", w.stack, reasons(problems), last.Number, reasons(again))
		return result
	}
	w.changed = false
	result.Outcome, result.Release = PutBack, number
	result.Verdict = fmt.Sprintf("%s: the deployment failed (%s); release %d runs again", w.stack, reasons(problems), number)
	return result
}

// again brings a release up as it was, and records how Docker has it now. The number
// remains the same, unless Docker now has it in another form: then the new release names
// what brought it up. The revision remains, and so does, as Origin, what deployed its file.
func (w *work) again(ctx context.Context, r Release, by string) (number int, problems []Problem, err error) {
	p, err := w.prepare(ctx, wanted{specs: r.Specs, secrets: r.Secrets, ran: true, heals: true})
	if err != nil {
		return 0, nil, err
	}
	problems, err = w.apply(ctx, p)
	if err != nil || len(problems) > 0 {
		return 0, problems, err
	}
	r.Withdraws, r.By, r.Actor, r.Origin = 0, by, "", cmp.Or(r.Origin, r.By)
	number, err = w.recordLive(ctx, p, r)
	return number, nil, err
}

// lost ends a run that must not continue: it got a signal, another manager has the stack,
// or its time is over.
func (w *work) lost(why error) Result {
	return Result{Outcome: Failed, Problems: []Problem{{Code: CodeOf(why), Reason: why.Error()}},
		Verdict: fmt.Sprintf("%s: stopped during the deployment: %v", w.stack, why)}
}

// handBack is for a run that may not wait any longer: it tells Docker to run the last good
// release again, and does not wait for the result.
func (w *work) handBack(ctx context.Context, why error) Result {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Settings.HandBack)
	defer cancel()
	result := Result{Outcome: Failed, Problems: []Problem{{Code: CodeOf(why), Reason: why.Error()}}}
	h, err := w.load(ctx, w.stack) // this run may just have recorded one
	last := h.last()
	if err == nil && last == nil {
		result.Verdict = fmt.Sprintf("%s: stopped during the deployment; there is no good release to go back to, so nothing was put back", w.stack)
		return result
	}
	if err == nil {
		var p plan
		if p, err = w.prepare(ctx, wanted{specs: last.Specs, secrets: last.Secrets, ran: true, heals: true}); err == nil {
			_, err = w.submit(ctx, p, last)
		}
		result.Release = last.Number
	}
	if err != nil {
		result.Verdict = fmt.Sprintf("%s: stopped during the deployment, and the last good release could not be put back: %v; run `stackctl reconcile %s`", w.stack, err, w.stack)
		return result
	}
	result.Verdict = fmt.Sprintf("%s: stopped during the deployment; Docker was told to run release %d again, and stackctl did not wait for it", w.stack, last.Number)
	return result
}
