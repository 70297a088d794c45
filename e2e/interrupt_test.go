package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interrupt runs a call and, once it prints the mark, does to it what Ctrl-C
// does in a terminal: every process of its group gets the signal. It fails
// unless the call then ends by itself, and not well.
func (s *sandbox) interrupt(t *testing.T, mark string, args ...string) {
	t.Helper()
	cmd := s.command(t.Context(), args...)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(5*time.Minute, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	seen := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		fmt.Println(lines.Text())
		if !seen && strings.Contains(lines.Text(), mark) {
			seen = true
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !seen {
		t.Errorf("the call never printed %q", mark)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() < 0 {
		t.Errorf("the interrupted call ended with %v, want a status other than 0 of its own", err)
	}
}
