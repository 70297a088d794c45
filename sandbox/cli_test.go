package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cliStub counts its interrupts and exits with their number after a while.
func cliStub(t *testing.T) (cmd *exec.Cmd, ready string) {
	t.Helper()
	ready = filepath.Join(t.TempDir(), "ready")
	script := `n=0; trap 'n=$((n+1))' INT; trap 'n=90' TERM; : > "$0"; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; exit $n`
	return exec.Command("sh", "-c", script, ready), ready
}

func await(t *testing.T, file string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil {
			return string(text)
		}
	}
	t.Fatalf("%s does not come", file)
	return ""
}

func TestTheCLIIsToldToStopOnce(t *testing.T) {
	for name, test := range map[string]struct {
		signal   syscall.Signal
		terminal bool
		want     int
	}{
		"stopped by the system":          {syscall.SIGTERM, false, 1},
		"stopped by the system, at work": {syscall.SIGTERM, true, 1},
		"Ctrl-C without a terminal":      {syscall.SIGINT, false, 1},
		"Ctrl-C, which the CLI gets too": {syscall.SIGINT, true, 0},
	} {
		cmd, ready := cliStub(t)
		done := make(chan error)
		go func() { done <- runCLI(cmd, test.terminal) }()
		await(t, ready)
		syscall.Kill(os.Getpid(), test.signal)
		got := 0
		var exit *exec.ExitError
		if err := <-done; errors.As(err, &exit) {
			got = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("%s: the CLI got %d interrupts, want %d", name, got, test.want)
		}
	}
}

const helperEnv = "SANDBOX_TEST_CLI_HELPER"

// TestCLIHelper is the process that TestTheCLIEndsWithTheSandbox kills.
func TestCLIHelper(t *testing.T) {
	if file := os.Getenv(helperEnv); file != "" {
		runCLI(exec.Command("sh", "-c", `echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 60`, file), false)
	}
}

func TestTheCLIEndsWithTheSandbox(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	helper := exec.Command(os.Args[0], "-test.run=^TestCLIHelper$")
	helper.Env = append(os.Environ(), helperEnv+"="+file)
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(await(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	helper.Process.Kill()
	helper.Wait()
	for deadline := time.Now().Add(5 * time.Second); lives(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the CLI goes on writing the state while the lock is free")
		}
	}
}

// lives tells whether the process runs. A zombie has no command line.
func lives(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && len(text) > 0
}
