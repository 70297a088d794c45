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

// askSwarm asks stackctl for the status of a stack, which includes that of the nodes. It
// asks the managers one after the other until one can tell. A manager that was just rebuilt
// cannot, nor can one that is cut off from the others. The last manager may use all the
// time that is left.
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
	return c.limit
}

// stackctl runs a verb that changes nothing on a manager, and returns its answer.
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

// ErrNobody says that no manager answers. The preview has warned of that already.
var ErrNobody = errors.New("no manager answers")

// Diff asks the managers, except the silent ones, what the deployment of a request would
// change in a stack. It returns the first answer.
func (c Cluster) Diff(ctx context.Context, silent []string, stack string, request []byte) (release.Diff, error) {
	ctx, hangUp := context.WithTimeout(ctx, c.limit)
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

// readAnswer reads what stackctl printed. Its exit status is 0 if it could tell, whether
// all is well or not. It is 2 for a stack that does not exist; stackctl then reports the
// nodes. Otherwise it printed a result that says why it could not tell.
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
