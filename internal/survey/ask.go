package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"averazure/internal/release"
)

// askSwarm asks stackctl how a stack, and with it the nodes, stands, on the first manager
// that can tell: one that was just rebuilt cannot, nor one that the others do not hear.
// The last one has all the time that is left.
func (c Cluster) askSwarm(ctx context.Context, managers []opened, stack string) (status release.Status, err error) {
	for i, m := range managers {
		if status, err = stackctl[release.Status](ctx, c.bound(i, len(managers)), m, "status", stack, nil); err == nil {
			return status, nil
		}
	}
	return status, err
}

// bound is the time that the i-th manager of several may take.
func (c Cluster) bound(i, of int) time.Duration {
	if i < of-1 {
		return c.patience
	}
	return limit
}

// stackctl runs one of its verbs that only look, on a manager.
func stackctl[T any](ctx context.Context, bound time.Duration, m opened, verb, stack string, input []byte) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	text, ended, err := run(ctx, m.client, fmt.Sprintf("sudo -n stackctl %s --json %s", verb, stack), input)
	answer, err := readAnswer[T](text, ended, err)
	if err != nil {
		return answer, fmt.Errorf("stackctl %s on %s: %w", verb, m.Name, err)
	}
	return answer, nil
}

// ErrNobody says that no manager answers, of which the preview has warned already.
var ErrNobody = errors.New("no manager answers")

// Diff has a manager say what the deployment of a request would change of a stack: the
// first one that can, without the silent ones.
func (c Cluster) Diff(ctx context.Context, silent []string, stack string, request []byte) (release.Diff, error) {
	ctx, hangUp := context.WithTimeout(ctx, limit)
	defer hangUp()
	left := slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return n.Role != Manager || slices.Contains(silent, n.Name) })
	err := ErrNobody
	for i, n := range left {
		client, why := c.login(ctx, n, nil)
		if why == nil {
			var diff release.Diff
			if diff, why = stackctl[release.Diff](ctx, c.bound(i, len(left)), opened{n, client}, "diff", stack, request); why == nil {
				return diff, nil
			}
		}
		err = why
	}
	return release.Diff{}, err
}

// readAnswer reads what stackctl printed. It ends with 0 whenever it could tell, be it
// well or not, and with 2 of a stack that is not there, whose nodes it tells. Otherwise
// what it printed is the result that says why not.
func readAnswer[T any](text []byte, status int, failed error) (answer T, err error) {
	if failed == nil {
		return answer, json.Unmarshal(text, &answer)
	}
	var result struct{ Verdict string }
	switch err := json.Unmarshal(text, &result); {
	case err == nil && result.Verdict != "":
		return answer, errors.New(result.Verdict)
	case err == nil && status == release.Refused.Status():
		return answer, json.Unmarshal(text, &answer)
	}
	return answer, failed
}
