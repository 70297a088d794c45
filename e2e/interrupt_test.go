package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSlowInterruptedRunsCanBeRunAgain stops runs at steps that the tests of adding a node do
// not cover: with Ctrl-C and, at the deployment, with a kill, like a machine that loses its
// power.
func TestSlowInterruptedRunsCanBeRunAgain(t *testing.T) {
	isSlow(t)
	for _, at := range []string{"aver-image", "aver-manager-init", "aver-secrets", "aver-deploy"} {
		box.interrupt(t, syscall.SIGINT, at+" creating replacement", "pulumi", "--", "up", "--yes", "--replace", "**"+at)
	}
	box.interrupt(t, syscall.SIGKILL, "aver-deploy creating replacement", "pulumi", "--", "up", "--yes", "--replace", "**aver-deploy")
	follow(t, "`pulumi up` says the stack is locked", 0).here()
	box.mustRun(t, "preview", "--expect-no-changes")
}

// pending are the resources that, according to the state, an update was creating when it
// ended.
func (s *sandbox) pending() (names []string, err error) {
	raw, err := os.ReadFile(filepath.Join(s.stateDir(), "state", ".pulumi", "stacks", "averazure", "sandbox.json"))
	var state struct {
		Checkpoint struct {
			Latest struct {
				PendingOperations []struct {
					Resource struct{ URN string }
				} `json:"pending_operations"`
			}
		}
	}
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	for _, operation := range state.Checkpoint.Latest.PendingOperations {
		urn := operation.Resource.URN
		names = append(names, urn[strings.LastIndex(urn, "::")+2:])
	}
	return names, err
}

// TestLongUpIsKilled kills the run that adds a worker while it makes the VM, like a
// computer that loses its power. The command in docs/operations.md removes the pending
// entry from the state, and the next up succeeds.
func TestLongUpIsKilled(t *testing.T) {
	isLong(t)
	const node = "aver-worker-1"
	one := []string{"up", "--config", "averazure:workers=1"}
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:workers=0") })
	noted := func() error {
		names, err := box.pending()
		if err == nil && !slices.Contains(names, node) {
			err = fmt.Errorf("the state says that %q are being created", names)
		}
		return err
	}
	if err := box.interruptedAt(t.Context(), syscall.SIGKILL, "VirtualMachine "+node+" creating", noted, one...); err != nil {
		t.Fatal(err)
	}
	if err := noted(); err != nil {
		t.Fatal(err)
	}
	box.mustRun(t, "pulumi", "--", "refresh", "--yes", "--clear-pending-creates")
	if names, err := box.pending(); err != nil || len(names) > 0 {
		t.Errorf("the state says after the refresh that %q are being created, %v", names, err)
	}
	box.mustRun(t, one...)
	mustHaveNodes(t, first, second, third, node)
	box.mustRun(t, "preview", "--expect-no-changes")
}

// interrupt runs a call and, once it prints the mark, sends the signal to every process of
// its group, as Ctrl-C does in a terminal. It fails unless the call then ends with an
// error.
func (s *sandbox) interrupt(t *testing.T, signal syscall.Signal, mark string, args ...string) {
	t.Helper()
	if err := s.interrupted(t.Context(), signal, mark, args...); err != nil {
		t.Error(err)
	}
}

func (s *sandbox) interrupted(ctx context.Context, signal syscall.Signal, mark string, args ...string) error {
	return s.interruptedAt(ctx, signal, mark, func() error { return nil }, args...)
}

// interruptedAt also waits, after the mark, until reached returns no error.
func (s *sandbox) interruptedAt(ctx context.Context, signal syscall.Signal, mark string, reached func() error, args ...string) error {
	cmd := s.command(ctx, args...)
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	limit := time.AfterFunc(5*time.Minute, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	seen := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		fmt.Println(lines.Text())
		if !seen && strings.Contains(lines.Text(), mark) {
			seen = true
			late := within(ctx, 10*time.Second, "the step to interrupt", reached)
			if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil || late != nil {
				return errors.Join(late, err, cmd.Wait())
			}
		}
	}
	err = cmd.Wait()
	if !seen {
		return fmt.Errorf("the call never printed %q and ended with %v", mark, err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || signal == syscall.SIGINT && exit.ExitCode() < 0 {
		return fmt.Errorf("interrupted at %q the call ended with %v, want a status other than 0 of its own", mark, err)
	}
	return nil
}
