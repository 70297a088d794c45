package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"averazure/internal/release"
)

// noQuorum: without a quorum, status reports this within seconds, instead of calling
// everything ready, and a command that needs a quorum fails within its time limit.
func (f *field) noQuorum(ctx context.Context) (err error) {
	silent := []string{containerName(second), containerName(third)}
	if err := f.engine(ctx, append([]string{"pause"}, silent...)...); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.engine(context.WithoutCancel(ctx), append([]string{"unpause"}, silent...)...))
		if err == nil {
			err = f.whole(ctx, second, 2*time.Minute)
		}
	}()
	const look = 15 * time.Second // the limit of a command that only looks, with time for a slow computer
	began := time.Now()
	if err := within(ctx, look, "status fails", func() error {
		return f.failing(ctx, first, look, "status")
	}); err != nil {
		return err
	}
	fmt.Printf("status told of the lost quorum after %s\n", time.Since(began).Round(time.Second/10))
	return f.failing(ctx, first, look, "reconcile")
}

// failing fails unless a verb ends on a node with status 1 and a reason.
func (f *field) failing(ctx context.Context, node string, limit time.Duration, verb string) error {
	out, code, err := f.stackctl(ctx, node, limit, verb, f.outputs.StackName)
	if err != nil {
		return err
	}
	var result release.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 1 || result.Outcome != release.Failed || len(result.Problems) != 1 || result.Problems[0].Reason == "" {
		return fmt.Errorf("%s ends with %d and %s", verb, code, out)
	}
	return nil
}
