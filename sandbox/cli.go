package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/term"
)

// pulumi runs the CLI and waits for it, however the run was asked to stop: the
// CLI finishes what is under way and writes its state.
func (s *session) pulumi(args ...string) error {
	return waitFor(s.work.Pulumi(context.Background(), s.env, args...))
}

// waitFor runs a command of the CLI; its status is an exitError.
func waitFor(cmd *exec.Cmd) error {
	err := runCLI(cmd, term.IsTerminal(int(os.Stdin.Fd())))
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitError(max(exit.ExitCode(), 1))
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it ended well, and something else has its output
		return nil
	}
	return err
}

// onTerminal tells whether the CLI shows what it is at by itself.
func onTerminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }

// runCLI passes on to the command every request to stop, once, since the CLI
// takes a second one for a demand to stop at once. From a terminal, Ctrl-C
// reaches it by itself; elsewhere a process group of its own keeps it from what
// is sent to ours.
func runCLI(cmd *exec.Cmd, terminal bool) error {
	// Killed with us, it cannot go on writing the state while the next run,
	// which finds the sandbox's lock free, works on it. The kernel watches the
	// thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: !terminal}
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stops)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case stop := <-stops:
			if stop != os.Interrupt || !terminal {
				cmd.Process.Signal(os.Interrupt)
			}
		}
	}
}

// output is what a CLI command prints, for the sandbox's own use.
func (s *session) output(args ...string) ([]byte, error) {
	cmd := s.work.Pulumi(context.Background(), s.env, args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pulumi %s: %w", args[0], err)
	}
	return stdout.Bytes(), nil
}
