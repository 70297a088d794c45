package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"averazure/sandbox/plugin"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// run executes the script on the host of state and stores the output in state, without
// the last newline of each stream.
func run(ctx context.Context, state resource.PropertyMap, script string) error {
	client, closeAll, err := connect(ctx, state)
	if err != nil {
		return err
	}
	defer closeAll()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	if err := environment(ctx, session, state); err != nil {
		return err
	}
	if stdin, ok := text(state, "stdin"); ok && stdin != "" {
		session.Stdin = strings.NewReader(stdin)
	}
	return execute(ctx, session, state, script)
}

// environment asks the server to set variables. If the server refuses a variable of the
// program, that is an error. If it refuses an output of the last run, that is a warning.
func environment(ctx context.Context, session *ssh.Session, state resource.PropertyMap) error {
	if env, ok := state["environment"]; ok && env.IsObject() {
		for _, key := range slices.Sorted(maps.Keys(env.ObjectValue())) {
			value, _ := text(env.ObjectValue(), key)
			if err := session.Setenv(string(key), value); err != nil {
				plugin.Error(ctx, refusal(string(key)))
				return fmt.Errorf("could not set environment variable %q: %w", key, err)
			}
		}
	}
	if add, ok := state["addPreviousOutputInEnv"]; ok && add.IsBool() && !add.BoolValue() {
		return nil
	}
	for name, key := range map[string]resource.PropertyKey{"PULUMI_COMMAND_STDOUT": "stdout", "PULUMI_COMMAND_STDERR": "stderr"} {
		if value, ok := text(state, key); ok && value != "" {
			if err := session.Setenv(name, value); err != nil {
				plugin.Warn(ctx, refusal(name))
			}
		}
	}
	return nil
}

func refusal(name string) string {
	return fmt.Sprintf("Unable to set '%s': the SSH server must name it in AcceptEnv. "+
		"A shell takes variables in front of the command too: VAR=value command", name)
}

// execute waits until the script ends. As in the original, whose session has no context,
// Ctrl-C does not interrupt it. The end of the engine does.
func execute(ctx context.Context, session *ssh.Session, state resource.PropertyMap, script string) error {
	var stdout, stderr bytes.Buffer
	var both shared
	lines, followed := follow(ctx, func() { session.Close() })
	logStdout, logStderr := logging(state)
	session.Stdout = fanOut(logStdout, lines, &stdout, &both)
	session.Stderr = fanOut(logStderr, lines, &stderr, &both)
	defer whenAbandoned(ctx, func() { session.Close() })()
	err := session.Run(script)
	lines.Close()
	if tooLong := <-followed; tooLong != nil {
		return fmt.Errorf("%w: running %q", tooLong, script)
	}
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, script, both.String())
	}
	state["stdout"] = resource.NewStringProperty(strings.TrimSuffix(stdout.String(), "\n"))
	state["stderr"] = resource.NewStringProperty(strings.TrimSuffix(stderr.String(), "\n"))
	return nil
}

// logging tells which streams are shown during the run (remote/logging.go).
func logging(state resource.PropertyMap) (stdout, stderr bool) {
	mode, ok := text(state, "logging")
	if !ok {
		return true, true
	}
	return mode == "stdout" || mode == "stdoutAndStderr", mode == "stderr" || mode == "stdoutAndStderr"
}

func fanOut(log bool, lines io.Writer, others ...io.Writer) io.Writer {
	if log {
		others = append(others, lines)
	}
	return io.MultiWriter(others...)
}

// follow shows each line beside the resource until the writer is closed, and then returns
// the result. At a line over 64 KiB the original stops reading and hangs; here the
// operation fails and stop is called.
func follow(ctx context.Context, stop func()) (io.WriteCloser, <-chan error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(r) // with the default limit, as in the original
		for scanner.Scan() {
			if line := scanner.Text(); line != "" {
				plugin.Status(ctx, line)
			}
		}
		var err error
		if errors.Is(scanner.Err(), bufio.ErrTooLong) {
			err = errors.New("output line over 64 KiB: pulumi-command 1.2.1 hangs on it, unless logging is off")
			stop()
		}
		r.CloseWithError(err) // later writes fail at once
		done <- err
	}()
	return w, done
}

// shared is a buffer for both streams.
type shared struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}
