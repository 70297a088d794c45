package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sandbox drives `go run ./sandbox` as a user does.
type sandbox struct {
	binary, name, network string
	values                []string // settings of every verb, path=value
	log                   io.Writer
}

// node is an element of the stack output `nodes`.
type node struct{ Name, Role, PrivateAddress, PublicAddress, HostKey string }

// outputs are the outputs of the Pulumi stack that the measurements read.
type outputs struct {
	SSHUser, AdminPrivateKey, APIURL, EntryAddress string
	Nodes                                          []node
}

// newSandbox compiles the command into dir.
func newSandbox(ctx context.Context, dir, name, network string, values []string, log io.Writer) (*sandbox, error) {
	s := &sandbox{binary: filepath.Join(dir, "sandbox"), name: name, network: network, values: values, log: log}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./sandbox").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the sandbox's command: %w\n%s", err, out)
	}
	return s, nil
}

// command is one call of the sandbox's command line, with further settings.
func (s *sandbox) command(ctx context.Context, settings []string, args ...string) *exec.Cmd {
	all := []string{"--name", s.name, "--network", s.network}
	for _, setting := range append(append([]string{}, s.values...), settings...) {
		all = append(all, "--config", "averazure:"+setting)
	}
	cmd := exec.CommandContext(ctx, s.binary, append(all, args...)...)
	// A call that takes too long is ended with Ctrl-C. If only the call itself were killed,
	// an engine would keep working on the state.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Minute
	return cmd
}

// line is one line that a program printed, with its time.
type line struct {
	at   time.Time
	text string
}

// run runs a verb and returns what it printed, with the times, and how long it took.
func (s *sandbox) run(ctx context.Context, settings []string, args ...string) ([]line, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, verbLimit)
	defer cancel()
	fmt.Fprintf(s.log, "==> sandbox %s %v\n", strings.Join(args, " "), settings)
	read, write, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer read.Close()
	cmd := s.command(ctx, settings, args...)
	cmd.Stdout, cmd.Stderr = write, write
	began := time.Now()
	if err := errors.Join(cmd.Start(), write.Close()); err != nil {
		return nil, 0, err
	}
	var said []line
	for scanner := bufio.NewScanner(read); scanner.Scan(); {
		said = append(said, line{time.Now(), scanner.Text()})
		fmt.Fprintln(s.log, scanner.Text())
	}
	err = cmd.Wait()
	took := time.Since(began)
	if err != nil {
		err = fmt.Errorf("sandbox %s: %w after %s\n%s", strings.Join(args, " "), err, took.Round(time.Second), tail(said, 15))
	}
	return said, took, err
}

// verbLimit bounds one verb.
const verbLimit = 12 * time.Minute

func tail(said []line, count int) string {
	var text strings.Builder
	for _, l := range said[max(0, len(said)-count):] {
		text.WriteString(l.text + "\n")
	}
	return text.String()
}

// up applies the settings to the Pulumi stack, without a preview first.
func (s *sandbox) up(ctx context.Context, settings []string, flags ...string) ([]line, time.Duration, error) {
	return s.run(ctx, settings, append([]string{"pulumi", "--", "up", "--yes", "--skip-preview", "--suppress-outputs"}, flags...)...)
}

// destroy removes what the program made; the sandbox stays.
func (s *sandbox) destroy(ctx context.Context, settings []string) error {
	_, _, err := s.run(ctx, settings, "pulumi", "--", "destroy", "--yes", "--skip-preview")
	return err
}

// unchanged is how long a preview takes that must not find any changes, including the start
// of the sandbox.
func (s *sandbox) unchanged(ctx context.Context, settings []string) (float64, error) {
	_, took, err := s.run(ctx, settings, "preview", "--expect-no-changes")
	return took.Seconds(), err
}

func (s *sandbox) down(ctx context.Context) error {
	_, _, err := s.run(ctx, nil, "down")
	return err
}

// exec runs a line of shell as root on a node and returns what it printed.
func (s *sandbox) exec(ctx context.Context, name, shell string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := text(s.command(ctx, nil, "exec", name, "--", "bash", "-c", shell))
	if err != nil {
		return "", fmt.Errorf("on %s: %w", name, err)
	}
	return out, nil
}

func (s *sandbox) outputs(ctx context.Context, settings []string) (o outputs, err error) {
	out, err := text(s.command(ctx, settings, "outputs", "--json", "--show-secrets"))
	if err == nil {
		err = json.Unmarshal([]byte(out), &o)
	}
	if err != nil {
		return o, fmt.Errorf("read the outputs: %w", err)
	}
	return o, nil
}

// text is what a command prints.
func text(cmd *exec.Cmd) (string, error) {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, complaint.String())
	}
	return strings.TrimSpace(string(out)), nil
}
