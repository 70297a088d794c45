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

// pulumi runs the CLI and waits for it. An interrupt does not cut it short: the CLI
// finishes the current steps and writes its state.
func (s *session) pulumi(args ...string) error {
	return waitFor(s.work.Pulumi(context.Background(), s.env, args...))
}

// waitFor runs a CLI command and returns a failure's status as an exitError.
func waitFor(cmd *exec.Cmd) error {
	err := runCLI(cmd, term.IsTerminal(int(os.Stdin.Fd())))
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitError(max(exit.ExitCode(), 1))
	}
	if errors.Is(err, exec.ErrWaitDelay) { // the command succeeded, but another process still holds its output
		return nil
	}
	return err
}

// onTerminal tells whether the CLI shows its own progress.
func onTerminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }

// runCLI passes each request to stop on to the command only once, because the CLI takes a
// second one as an order to stop at once. On a terminal, Ctrl-C reaches the CLI directly.
// Elsewhere the CLI gets its own process group, so that signals to the sandbox's group do
// not reach it.
func runCLI(cmd *exec.Cmd, terminal bool) error {
	// The kernel ends the CLI when this process ends. Otherwise the CLI would go on writing
	// the state while the next run, which finds the sandbox's lock free, works on the same
	// state. The kernel watches the thread that started the CLI.
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

// output returns what a CLI command prints.
func (s *session) output(args ...string) ([]byte, error) {
	cmd := s.work.Pulumi(context.Background(), s.env, args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pulumi %s: %w", args[0], err)
	}
	return stdout.Bytes(), nil
}
