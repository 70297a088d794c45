package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptedRunsCanBeRunAgain stops runs at steps that the tests of adding
// a node do not go through: with Ctrl-C, and, at the deployment, as a host
// that loses its power does.
func TestInterruptedRunsCanBeRunAgain(t *testing.T) {
	for _, at := range []string{"aver-image", "aver-manager-init", "aver-secrets", "aver-deploy"} {
		box.interrupt(t, syscall.SIGINT, at+" creating replacement", "pulumi", "--", "up", "--yes", "--replace", "**"+at)
	}
	box.interrupt(t, syscall.SIGKILL, "aver-deploy creating replacement", "pulumi", "--", "up", "--yes", "--replace", "**aver-deploy")
	follow(t, "`pulumi up` says the stack is locked", 0).here()
	box.mustRun(t, "preview", "--expect-no-changes")
}

// interrupt runs a call and, once it prints the mark, sends the signal to every
// process of its group, as Ctrl-C does in a terminal. It fails unless the call
// then ends, and not well.
func (s *sandbox) interrupt(t *testing.T, signal syscall.Signal, mark string, args ...string) {
	t.Helper()
	if err := s.interrupted(t.Context(), signal, mark, args...); err != nil {
		t.Error(err)
	}
}

func (s *sandbox) interrupted(ctx context.Context, signal syscall.Signal, mark string, args ...string) error {
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
			if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil {
				return errors.Join(err, cmd.Wait())
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
