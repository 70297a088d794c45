// Package e2e tries the program in a sandbox of the tests' own, with the real
// Pulumi engine, SSH, Docker and Swarm. The tests share one sandbox; those
// that change it put it back.
package e2e

import (
	"context"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := runTests(ctx, m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL end-to-end:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// runTests brings the sandbox up, runs the tests, destroys what the program
// made with the engine and then takes the sandbox down, and fails if either
// leaves anything behind.
func runTests(ctx context.Context, m *testing.M) (status int, err error) {
	box, err = newSandbox(ctx)
	if err != nil {
		return 1, err
	}
	defer box.removeBinary()
	if err := box.down(ctx); err != nil {
		return 1, fmt.Errorf("clean up after an earlier run: %w", err)
	}
	before, err := box.inventory(ctx)
	if err != nil {
		return 1, err
	}
	watch := watchProcesses()
	began := time.Now()
	box.firstUp, err = box.run(ctx, 25*time.Minute, "up")
	box.commandLines = watch.stop()
	if err != nil {
		box.keepForInspection()
		return 1, fmt.Errorf("first up: %w", err)
	}
	fmt.Printf("first up took %s\n", time.Since(began).Round(time.Second))
	status = m.Run()
	if status != 0 {
		box.keepForInspection()
	}
	return status, box.end(ctx, before)
}
