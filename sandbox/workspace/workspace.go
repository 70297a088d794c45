// Package workspace is the Pulumi side of the sandbox: the real CLI, the Go language
// runtime, a local state and a settings file of its own. A run does not change the
// checked-out Pulumi.*.yaml.
package workspace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Options say which project, stack and directories a workspace uses.
type Options struct {
	ProjectDir string   // the directory with Pulumi.yaml
	StateDir   string   // of this sandbox alone
	CacheDir   string   // what can be built again: CLI, runtime, program
	Plugins    []string // plugins that have stand-ins
	Stack      string   // the stack's name, also in the name of its settings file
	Log        func(format string, args ...any)
	Self       string // the command line of the sandbox, for advice
}

// Workspace runs Pulumi commands on one stack of the project.
type Workspace struct {
	Options
	cli        string
	runtimeDir string // first in PATH; empty if the CLI finds its own runtime

	runtimeInstalled bool // the runtime is not the stand-in

	replaced    *[]byte // the kept settings before Configure; nil if it kept none
	stateBefore []byte  // the checkpoint before Configure
}

// Open finds or builds the CLI and the language runtime, and makes the state directory.
// It works on an existing workspace too.
func Open(ctx context.Context, opts Options) (*Workspace, error) {
	w := &Workspace{Options: opts}
	for _, dir := range []string{w.backendDir(), w.homeDir(), w.seedDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("create the state directory: %w", err)
		}
	}
	if err := writeOnce(w.passphraseFile()); err != nil {
		return nil, fmt.Errorf("create the passphrase of the state: %w", err)
	}
	if err := w.linkPlugins(opts.Plugins); err != nil {
		return nil, fmt.Errorf("link the installed Pulumi plugins: %w", err)
	}
	var err error
	if w.cli, err = w.findCLI(ctx); err != nil {
		return nil, fmt.Errorf("get the Pulumi CLI: %w", err)
	}
	if w.runtimeDir, err = w.findRuntime(ctx); err != nil {
		return nil, fmt.Errorf("get the Go language runtime: %w", err)
	}
	return w, nil
}

func (w *Workspace) backendDir() string     { return filepath.Join(w.StateDir, "state") }
func (w *Workspace) homeDir() string        { return filepath.Join(w.StateDir, "pulumi") }
func (w *Workspace) seedDir() string        { return filepath.Join(w.StateDir, "seed") }
func (w *Workspace) passphraseFile() string { return filepath.Join(w.StateDir, "passphrase") }

// ConfigFile is the settings file that the runs use.
func (w *Workspace) ConfigFile() string {
	return filepath.Join(w.StateDir, "Pulumi."+w.Stack+".yaml")
}

// EventLog is the file for the engine's events of one run.
func (w *Workspace) EventLog() string { return filepath.Join(w.StateDir, "events.json") }

// StateFile is the checkpoint, in which Pulumi keeps the stack's state.
func (w *Workspace) StateFile() string {
	return filepath.Join(w.backendDir(), ".pulumi", "stacks", projectName, w.Stack+".json")
}

// configFileVariable passes the settings file to the CLI and to the program.
const configFileVariable = "PULUMI_OPTION_CONFIG_FILE="

// Env points the CLI at this workspace. It contains no secret: it passes the passphrase
// as a file name.
func (w *Workspace) Env() []string {
	env := []string{
		"PULUMI_HOME=" + w.homeDir(),
		"PULUMI_BACKEND_URL=file://" + w.backendDir(),
		"PULUMI_CONFIG_PASSPHRASE_FILE=" + w.passphraseFile(),
		"PULUMI_OPTION_STACK=" + w.Stack,
		configFileVariable + w.ConfigFile(),
		"PULUMI_SKIP_UPDATE_CHECK=1",
		"PULUMI_SUPPRESS_NEO_LINK=1",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=1",
	}
	return append(env, "PATH="+w.path())
}

// path puts the runtime and the CLI in front of PATH. The runtime comes first, because the
// stand-in may be beside a CLI that the sandbox built.
func (w *Workspace) path() string {
	var dirs []string
	if w.runtimeDir != "" {
		dirs = append(dirs, w.runtimeDir)
	}
	dirs = append(dirs, filepath.Dir(w.cli))
	return strings.Join(append(dirs, os.Getenv("PATH")), string(os.PathListSeparator))
}

// Pulumi is the command `pulumi args...` in the project directory. env is added to the
// workspace's environment.
func (w *Workspace) Pulumi(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, args...)
	cmd.Dir = w.ProjectDir
	cmd.Env = append(append(inherited(), w.Env()...), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// Unset are the user's variables that the CLI must not see: a passphrase there would
// override this stack's file.
var Unset = []string{"PULUMI_CONFIG_PASSPHRASE"}

// inherited is this process's environment without Unset.
func inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(Unset, name)
	})
}

// writeOnce writes a random value into the file unless the file exists.
func writeOnce(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	value := make([]byte, 24)
	if _, err := rand.Read(value); err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = f.WriteString(hex.EncodeToString(value))
	return errors.Join(err, f.Close())
}
