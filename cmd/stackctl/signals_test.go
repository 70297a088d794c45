package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"averazure/internal/release"
)

// child is the environment variable with the directory in which the test's child process,
// another stackctl, waits and leaves files for the test.
const child = "STACKCTL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		os.Exit(serve(func(_ release.Settings, say func(string, ...any)) (deployer, error) {
			return &waiting{dir: dir, say: say}, nil
		}))
	}
	os.Exit(m.Run())
}

// waiting deploys until there is a file named go, or somebody stops it.
type waiting struct {
	fake
	dir string
	say func(string, ...any)
}

func (w *waiting) Deploy(ctx context.Context, _ string, _ release.Order) release.Result {
	w.say("deploying")
	for ctx.Err() == nil {
		w.say("waiting") // to nobody, once the client is gone
		if _, err := os.Stat(filepath.Join(w.dir, "go")); err == nil {
			_ = os.WriteFile(filepath.Join(w.dir, "end"), []byte("went on"), 0o644)
			return release.Result{Outcome: release.Runs}
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = os.WriteFile(filepath.Join(w.dir, "end"), []byte("handed back"), 0o644)
	return release.Result{Outcome: release.Failed}
}

func TestClientThatIsGoneAndSignals(t *testing.T) {
	for name, test := range map[string]struct {
		signals []os.Signal
		goOn    bool
		want    string
		status  int
	}{
		"the client is gone": {[]os.Signal{syscall.SIGHUP, syscall.SIGPIPE}, true, "went on", 0},
		"terminated":         {[]os.Signal{syscall.SIGTERM}, false, "handed back", 1},
		"interrupted":        {[]os.Signal{os.Interrupt}, false, "handed back", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "deploy", "aver", "--json")
			cmd.Env, cmd.Stdin = append(os.Environ(), child+"="+dir), strings.NewReader(aFile)
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout, cmd.Stderr = writer, writer
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			writer.Close()
			lines := bufio.NewScanner(reader)
			for lines.Scan() && !strings.Contains(lines.Text(), "deploying") {
			}
			reader.Close()
			for _, signal := range test.signals {
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			if test.goOn {
				if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait()
			end, _ := os.ReadFile(filepath.Join(dir, "end"))
			if string(end) != test.want || cmd.ProcessState.ExitCode() != test.status {
				t.Errorf("%q, %s; want %q", end, cmd.ProcessState, test.want)
			}
		})
	}
}
