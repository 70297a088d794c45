package release

import (
	"context"
	"fmt"
	"time"

	"averazure/internal/stackfile"
)

// lateError says that a part of a run used up its time.
type lateError struct{ limit time.Duration }

func (l lateError) Error() string {
	return fmt.Sprintf("not finished after %s", l.limit.Round(time.Second))
}

// within gives a run its one deadline, which counts from the run's beginning. LongestOf tells
// the caller the same time. All waits share it: first ends while there is still time to
// go back, and whole ends the run.
func (w *work) within(ctx context.Context, specs stackfile.Specs) (whole, first context.Context, cancel func(), err error) {
	nodes, err := w.nodes(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	limit := w.Settings.LongestOf(specs, len(nodes))
	w.end = w.began.Add(limit)
	whole, stop := context.WithTimeoutCause(ctx, w.end.Sub(w.now()), lateError{limit})
	share := limit - w.Settings.back(specs, len(nodes))
	first, stopFirst := context.WithTimeoutCause(whole, w.began.Add(share).Sub(w.now()), lateError{share})
	return whole, first, func() { stopFirst(); stop() }, nil
}

// late tells whether the run's deadline is over.
func (w *work) late() bool { return !w.end.IsZero() && !w.now().Before(w.end) }
