package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slotEnv, a digit from 1 to 9, lets the tests of several checkouts run on one machine at
// the same time: each slot has its own sandbox name and networks.
const slotEnv = "AVERAZURE_E2E_SLOT"

var (
	slot           = os.Getenv(slotEnv)
	sandboxName    = "test" + slot
	sandboxNetwork = "198.18.1" + slot + ".0/24"
)

// baseline is the configuration with which the shared sandbox comes up. Its networks differ
// from the shipped ones, so that the tests can run beside a developer's sandbox. The
// sandbox's GitHub receives what is delivered.
var baseline = []string{
	"--config", "averazure:vnetCidr=10.3" + cmp.Or(slot, "0") + ".0.0/16",
	"--config", "averazure:subnetCidr=10.3" + cmp.Or(slot, "0") + ".1.0/24",
	"--config", "averazure:githubOwner=your-org",
	"--config", "averazure:codeRepo=code-repo",
	"--config", "averazure:stackRepo=stack-repo",
	"--config", "averazure:oidcSubjects[0]=repo:your-org@1234/averazure@5678:environment:production",
}

// sandbox drives `go run ./sandbox` as a user does.
type sandbox struct {
	project, binary string

	firstUp      string        // what the first up printed
	firstSilence time.Duration // the longest time in which it printed nothing
	commandLines []string      // of every process of this machine during the first up
	secondUp     string
	secondUpTook time.Duration
	nothingToDo  error // the error of the preview after the second up, which expects no changes
	mu           sync.Mutex
	cached       *outputs
	secrets      map[string]string
}

func newSandbox(ctx context.Context) (*sandbox, error) {
	project, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	if err := roomy(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "averazure-e2e-")
	if err != nil {
		return nil, err
	}
	s := &sandbox{project: project, binary: filepath.Join(dir, "sandbox")}
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./sandbox")
	build.Dir = project
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the sandbox: %w\n%s", err, out)
	}
	return s, nil
}

func (s *sandbox) removeBinary() { os.RemoveAll(filepath.Dir(s.binary)) }

func (s *sandbox) stateDir() string { return filepath.Join(s.project, ".sandbox", sandboxName) }

func (s *sandbox) cloudFile() string { return filepath.Join(s.stateDir(), "cloud.json") }

// cloud is what the sandbox's cloud has on record, and its resources by id.
func (s *sandbox) cloud() (record, resources map[string]json.RawMessage, err error) {
	raw, err := os.ReadFile(s.cloudFile())
	if err == nil {
		err = json.Unmarshal(raw, &record)
	}
	if err == nil {
		err = json.Unmarshal(record["resources"], &resources)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the cloud: %w", err)
	}
	return record, resources, nil
}

// command is one call of the sandbox's command line.
func (s *sandbox) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--name", sandboxName, "--network", sandboxNetwork}, args...)
	if verb := args[0]; verb == "up" || verb == "preview" || verb == "pulumi" {
		all = append(append([]string{"--name", sandboxName, "--network", sandboxNetwork}, baseline...), args...)
	}
	cmd := exec.CommandContext(ctx, s.binary, all...)
	cmd.Dir = s.project
	// A call that takes too long gets the signal of Ctrl-C, and so does its whole group: if
	// only the call were killed, an engine would keep working on the state.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Minute
	return cmd
}

// run returns everything that the call printed, which is also copied to the test's own
// output. Its error has the last lines of that.
func (s *sandbox) run(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	said, err := s.transcribed(ctx, limit, args...)
	return said.String(), err
}

// transcribed is run for callers that need to know when something was printed.
func (s *sandbox) transcribed(ctx context.Context, limit time.Duration, args ...string) (*transcript, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := &transcript{said: time.Now()}
	cmd := s.command(ctx, args...)
	cmd.Stdout = io.MultiWriter(out, os.Stdout)
	cmd.Stderr = cmd.Stdout
	if err := cmd.Run(); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("not done after %s", limit)
		}
		return out, fmt.Errorf("sandbox %s: %w\n%s", strings.Join(args, " "), err, tail(out.String(), 15))
	}
	return out, nil
}

// mustRun is run for a call that has to succeed.
func (s *sandbox) mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.run(context.Background(), 10*time.Minute, args...)
	if err != nil {
		t.Fatal(err)
	}
	if at := strings.Index(out, "%!"); at >= 0 {
		t.Errorf("a value is printed in a format that does not fit: %.60s", out[max(0, at-20):])
	}
	return out
}

// exec runs a command as root on a node and returns what it printed.
func (s *sandbox) exec(t *testing.T, node string, argv ...string) string {
	t.Helper()
	// Not the test's context: clean-ups run after its end.
	out, err := s.tryExec(context.Background(), node, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *sandbox) tryExec(ctx context.Context, node string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := s.command(ctx, append([]string{"exec", node, "--"}, argv...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("on %s: %s: %w\n%s", node, strings.Join(argv, " "), err, stderr.String())
	}
	return string(out), nil
}

func (s *sandbox) down(ctx context.Context) error {
	_, err := s.run(ctx, 5*time.Minute, "down")
	return err
}

// keepForInspection saves the state and logs that end would remove. It leaves the data
// disks out: a copy of one would be as large as the disk claims to be.
func (s *sandbox) keepForInspection() {
	dir, err := os.MkdirTemp("", "averazure-e2e-failed-")
	if err != nil {
		return
	}
	if err := os.CopyFS(dir, withoutDisks{os.DirFS(s.stateDir())}); err == nil {
		fmt.Println("the sandbox's state is kept in", dir)
	}
}

// withoutDisks is a sandbox's state directory without the data disks.
type withoutDisks struct{ fs.FS }

func (w withoutDisks) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return name == "." && (e.Name() == "disks" || e.Name() == "attached")
	}), err
}

func missingFrom(before, after []string) []string {
	count := map[string]int{}
	for _, name := range before {
		count[name]++
	}
	var extra []string
	for _, name := range after {
		if count[name]--; count[name] < 0 {
			extra = append(extra, name)
		}
	}
	return extra
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
