package e2e

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// longEnv, set to anything, runs the tests that are slow or that look for what is
// rare, and no others, on three managers: `make test-long`.
const longEnv = "AVERAZURE_LONG"

// long brings three managers up for the long tests.
func (s *sandbox) long(ctx context.Context, m *testing.M) (status int, err error) {
	keep := os.Getenv(keepEnv) != ""
	if !keep {
		if err := s.down(ctx); err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, s.down(context.WithoutCancel(ctx))) }()
	}
	if _, err := s.run(ctx, 25*time.Minute, "up", "--config", "averazure:managers=3", "--config", "averazure:workers=0"); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// isLong skips a test that only `make test-long` runs.
func isLong(t *testing.T) {
	t.Helper()
	if os.Getenv(longEnv) == "" {
		t.Skip("slow: make test-long runs it")
	}
}

// TestLongFaults is for working on the faults, which are a part of the short tests.
func TestLongFaults(t *testing.T) {
	isLong(t)
	if err := box.faults(t.Context()); err != nil {
		t.Fatal(err)
	}
	box.mustRun(t, "up") // the sandbox keeps the settings of the first one
	if err := box.recorded(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLongFirstIsLost deletes the first of three managers.
func TestLongFirstIsLost(t *testing.T) {
	isLong(t)
	if err := box.firstIsLost(t.Context()); err != nil {
		t.Error(err)
	}
}
