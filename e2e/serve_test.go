package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServePointsTheCLIAtTheSandbox does what a user does by hand: `serve` in one shell,
// and in another the lines that it prints and a plain `pulumi`.
func TestServePointsTheCLIAtTheSandbox(t *testing.T) {
	serve := box.command(t.Context(), "serve")
	serve.Stderr = os.Stderr
	output, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	// A serve that prints nothing must not block the test forever.
	limit := time.AfterFunc(5*time.Minute, func() { serve.Process.Kill() })
	defer limit.Stop()
	var exports []string
	for lines := bufio.NewScanner(output); lines.Scan(); {
		exports = append(exports, lines.Text())
		if strings.HasPrefix(lines.Text(), "export DOCKER_HOST=") {
			break
		}
	}
	shell := exec.CommandContext(t.Context(), "bash", "-ec", strings.Join(exports, "\n")+"\npulumi preview --expect-no-changes\npulumi up --yes --skip-preview")
	shell.Dir = box.project
	if out, err := shell.CombinedOutput(); err != nil {
		t.Errorf("pulumi beside serve: %v\n%s", err, out)
	}
	if out, err := box.run(t.Context(), time.Minute, "preview"); err == nil || !strings.Contains(out, fmt.Sprintf("`serve`, pid %d", serve.Process.Pid)) {
		t.Errorf("a second command worked on the sandbox of serve (%v):\n%s", err, out)
	}
	if err := serve.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("serve, stopped by Ctrl-C: %v", err)
	}
}
