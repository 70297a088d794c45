package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
)

// ask sends one question to Docker, and repeats it while Docker is away: Docker restarts,
// or the managers elect a leader. An error from Docker itself (not found, conflict,
// refused) is an answer, and ask returns it at once.
func ask[T any](ctx context.Context, d *Reader, what string, question func(context.Context) (T, error)) (T, error) {
	end := d.now().Add(d.Settings.Outage)
	var before error
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		bounded, cancel := context.WithTimeout(ctx, d.Settings.Call)
		answer, err := question(bounded)
		cancel()
		if err == nil || ctx.Err() != nil || answered(err) || !d.now().Before(end) {
			return answer, because(ctx, what, err, before)
		}
		before = err
		if err := d.sleep(ctx, pause); err != nil {
			return answer, because(ctx, what, err, before)
		}
	}
}

// once asks Docker one time, within the time limit of a call.
func (d *Reader) once(ctx context.Context, act func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, d.Settings.Call)
	defer cancel()
	return act(bounded)
}

// because says why a question got no answer: the time limit, and Docker's last error.
func because(ctx context.Context, what string, err, before error) error {
	over := context.Cause(ctx)
	switch {
	case err == nil:
		return nil
	case !errors.As(over, new(awayError)) && !errors.As(over, new(lateError)):
		return fmt.Errorf("%s: %w", what, err)
	case before == nil:
		return fmt.Errorf("%s: %w", what, over)
	}
	return fmt.Errorf("%s: %w; Docker says: %w", what, over, before)
}

// answered tells whether Docker itself answered, rather than being away. "update out of
// sequence" arrives as an internal or unknown error: repeat it with a fresh version.
func answered(err error) bool {
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err) || errdefs.IsInvalidArgument(err) ||
		errdefs.IsPermissionDenied(err) || errdefs.IsAlreadyExists(err) || errdefs.IsNotImplemented(err) ||
		errdefs.IsFailedPrecondition(err) || errdefs.IsUnauthorized(err) || outOfSequence(err) || networkGone(err)
}

func notFound(err error) bool { return errdefs.IsNotFound(err) }

func conflict(err error) bool { return errdefs.IsConflict(err) || errdefs.IsAlreadyExists(err) }

// sameJSON compares two values by their JSON. Empty and missing are the same, unless the
// type tells them apart.
func sameJSON(a, b any) bool { return canonical(a) == canonical(b) }

func canonical(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // Docker's types always encode
	}
	return string(text)
}

// digest is a short name for contents.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}
