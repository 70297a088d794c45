package e2e

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// longEnv, set to anything, runs the tests that begin with TestLong, and no others, on three
// managers: `make test-long`.
const longEnv = "AVERAZURE_LONG"

// slowEnv, set to anything, makes the tests on the shared sandbox also run what is slow and
// rare: the tests that begin with TestSlow, and the faults on three managers at the end.
const slowEnv = "AVERAZURE_SLOW"

// isSlow skips a test of the shared sandbox that only `make test-long` runs, and isLong
// skips such a test on three managers.
func isSlow(t *testing.T) { t.Helper(); needs(t, slowEnv) }
func isLong(t *testing.T) { t.Helper(); needs(t, longEnv) }

func needs(t *testing.T, variable string) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skip("slow: make test-long runs it")
	}
}

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

// fresh destroys what earlier tests have left, and brings three managers up.
//
// The sequence up, change, up, destroy, up again is tested for each kind of change, but not
// by a separate test for each kind. TestLongDataStays destroys and comes up after data
// disks, managers and workers changed, and before that it destroys what TestLongBalancer
// left. The fresh of TestLongPreviewSaysWhatWouldChange does so after another image
// (TestLongAllAreRebuilt), TestLongProd with the balancer on, and TestLongEverythingIsLost
// after another size and Docker's settings (window_test.go). TestLongDataStays has a larger
// system disk. The tests run in the order of their files' names. No test changes the first
// boot on hosts: that rebuilds a VM just as another image does (fixedAtCreation in
// infra/vm.go).
func fresh(t *testing.T) {
	t.Helper()
	box.mustRun(t, "pulumi", "--", "destroy", "--yes")
	box.mustRun(t, "up", "--reset", "--config", "averazure:managers=3", "--config", "averazure:workers=0")
	box.forget()
}

// TestLongFaults runs the faults alone, for working on them. The slow tests include them.
func TestLongFaults(t *testing.T) {
	isLong(t)
	if err := box.faults(t.Context()); err != nil {
		t.Fatal(err)
	}
	box.mustRun(t, "up") // the sandbox keeps the settings of the first up
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

// TestLongAllAreRebuilt sets another image for all three managers. One plain up rebuilds
// them one after another, under load. The clients use the first manager's address, so they
// wait while it is rebuilt, and for nothing else. Afterwards there is nothing to do.
func TestLongAllAreRebuilt(t *testing.T) {
	isLong(t)
	const image, moves = "averazure:vmImage=Debian:debian-13:13-gen2:0.20251006.2257", 40 * time.Second
	began, watch := time.Now(), watchAnswers(box.outputs(t).APIURL)
	said, err := box.run(t.Context(), 15*time.Minute, "up", "--config", image)
	answers := watch.stop()
	t.Logf("three managers were rebuilt one after another in %s: %s", time.Since(began).Round(time.Second), answers)
	if err != nil {
		t.Fatal(err)
	}
	if answers.gap > moves {
		t.Errorf("somebody waited %s for an answer, want %s at most", answers.gap, moves)
	}
	at := 0
	for _, node := range managers {
		for _, step := range []string{"VirtualMachine " + node + " deleting original", node + "-back created replacement"} {
			next := strings.Index(said[at:], step)
			if next < 0 {
				t.Fatalf("the run does not have %q in its turn:\n%s", step, said)
			}
			at += next
		}
	}
	if err := box.haveManagers(t.Context(), 3); err != nil {
		t.Error(err)
	}
	box.mustRun(t, "preview", "--expect-no-changes")
}
