// Package e2e tests the program in a separate sandbox, with the real Pulumi engine, SSH,
// Docker and Swarm. The tests share one sandbox; a test that changes it restores it.
package e2e

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// box is the sandbox that the tests share.
var box *sandbox

func TestMain(m *testing.M) {
	// The parallel tests mostly wait for their stacks, so many of them run at once.
	if err := flag.Set("test.parallel", cmp.Or(os.Getenv(parallelEnv), "10")); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := runTests(ctx, m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL end-to-end:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// parallelEnv is how many of the parallel tests run at once.
const parallelEnv = "AVERAZURE_E2E_PARALLEL"

// runTests runs the tests in a fresh sandbox, destroys with the engine what the program
// made, takes the sandbox down, and fails if anything is left.
func runTests(ctx context.Context, m *testing.M) (status int, err error) {
	box, err = newSandbox(ctx)
	if err != nil {
		return 1, err
	}
	defer box.removeBinary()
	if os.Getenv(longEnv) != "" {
		return box.long(ctx, m)
	}
	if os.Getenv(keepEnv) == "" {
		return box.freshly(ctx, m)
	}
	if err = box.bringUp(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// keepEnv, set to anything, lets the tests use the test sandbox as it is and leave it up,
// for working on a test. What only a first up or the end shows is not tested then.
const keepEnv = "AVERAZURE_E2E_KEEP"

// freshly brings a new sandbox up for the tests and ends it after them, also
// when they are interrupted or the sandbox does not come up.
func (s *sandbox) freshly(ctx context.Context, m *testing.M) (status int, err error) {
	began := time.Now()
	if err := s.down(ctx); err != nil {
		return 1, fmt.Errorf("clean up after an earlier run (%s=1 runs the tests beside another checkout's): %w", slotEnv, err)
	}
	before, err := s.inventory(ctx)
	if err != nil {
		return 1, err
	}
	if err := s.bringUp(ctx); err != nil {
		s.keepForInspection()
		return 1, errors.Join(err, s.down(context.WithoutCancel(ctx)))
	}
	// The tests do not see the context, so an interrupted run is ended here.
	stop := context.AfterFunc(ctx, func() {
		err := s.down(context.WithoutCancel(ctx))
		fmt.Fprintln(os.Stderr, "FAIL end-to-end: interrupted; the sandbox was taken down:", err)
		os.Exit(1)
	})
	defer stop()
	status = m.Run()
	if status != 0 {
		s.keepForInspection()
	}
	err = s.end(ctx, before)
	if took := time.Since(began).Round(time.Second); status == 0 && err == nil && runsAll() && took > suiteLimit {
		err = fmt.Errorf("the tests took %s, at most %s: move slow ones to the long tests", took, suiteLimit)
	}
	return status, err
}

// suiteLimit is how long a run of all the short tests may take, from an empty machine to an
// empty machine: 19 minutes were measured on two cores without any cache, where even Pulumi
// had to be compiled.
const suiteLimit = 30 * time.Minute

// runsAll tells whether all tests run, because no selection was given.
func runsAll() bool {
	return flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
}

// bringUp runs the first up and then, before any test changes something, the runs that have
// to find nothing to do.
func (s *sandbox) bringUp(ctx context.Context) (err error) {
	watch := watchProcesses()
	began := time.Now()
	first, err := s.transcribed(ctx, 25*time.Minute, "up")
	s.firstUp, s.firstSilence, s.commandLines = first.String(), first.longest, watch.stop()
	if err != nil {
		return fmt.Errorf("first up: %w", err)
	}
	fmt.Printf("first up took %s\n", time.Since(began).Round(time.Second))
	began = time.Now()
	if s.secondUp, err = s.run(ctx, 5*time.Minute, "up"); err != nil {
		return fmt.Errorf("second up: %w", err)
	}
	s.secondUpTook = time.Since(began)
	_, s.nothingToDo = s.run(ctx, 5*time.Minute, "preview", "--expect-no-changes")
	return nil
}
