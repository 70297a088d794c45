// Package workspace is the Pulumi side of the sandbox: the real CLI, the Go
// language runtime, a local state directory and a configuration file of the
// sandbox's own, so that a run leaves the checked-out Pulumi.*.yaml untouched.
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

// Options say where a workspace lives.
type Options struct {
	ProjectDir string   // the directory with Pulumi.yaml
	StateDir   string   // everything that belongs to this sandbox alone
	CacheDir   string   // what can be built again: CLI, runtime, program
	Plugins    []string // those that an official one would serve better than a stand-in
	Stack      string   // the stack's name, which names its configuration file too
	Log        func(format string, args ...any)
	Self       string // how the user calls the sandbox, for advice
}

// Workspace runs Pulumi commands on one stack of the project.
type Workspace struct {
	Options
	cli        string
	runtimeDir string // goes before everything on PATH; empty where the CLI's own runtime is beside it

	runtimeInstalled bool // and not ours

	replaced    *[]byte // the settings that were kept before Configure; nil if it kept none
	stateBefore []byte  // the checkpoint as Configure found it
}

// Open finds or builds the CLI and the language runtime and sets up the state
// directory. It is safe to call again on an existing workspace.
func Open(ctx context.Context, opts Options) (*Workspace, error) {
	w := &Workspace{Options: opts}
	for _, dir := range []string{w.backendDir(), w.homeDir(), w.seedDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the state directory: %w", err)
		}
	}
	if err := writeOnce(w.passphraseFile()); err != nil {
		return nil, fmt.Errorf("make the passphrase of the state: %w", err)
	}
	if err := w.linkPlugins(opts.Plugins); err != nil {
		return nil, fmt.Errorf("offer the installed Pulumi plugins: %w", err)
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

// ConfigFile is the stack configuration that the runs use.
func (w *Workspace) ConfigFile() string {
	return filepath.Join(w.StateDir, "Pulumi."+w.Stack+".yaml")
}

// EventLog is a file for the engine's events of one run.
func (w *Workspace) EventLog() string { return filepath.Join(w.StateDir, "events.json") }

// StateFile is the checkpoint in which Pulumi keeps what it knows of the stack.
func (w *Workspace) StateFile() string {
	return filepath.Join(w.backendDir(), ".pulumi", "stacks", projectName, w.Stack+".json")
}

// configFileVariable names the configuration file to the CLI and to the program.
const configFileVariable = "PULUMI_OPTION_CONFIG_FILE="

// Env points the CLI at this workspace. It holds no secret: the passphrase is
// named by its file.
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

// path puts the runtime and the CLI where a shell finds them. The runtime goes
// first: beside a CLI that we built lies one of ours, also where another is used.
func (w *Workspace) path() string {
	var dirs []string
	if w.runtimeDir != "" {
		dirs = append(dirs, w.runtimeDir)
	}
	dirs = append(dirs, filepath.Dir(w.cli))
	return strings.Join(append(dirs, os.Getenv("PATH")), string(os.PathListSeparator))
}

// Pulumi is the command `pulumi args...` in the project directory with env
// added to the workspace's own.
func (w *Workspace) Pulumi(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, args...)
	cmd.Dir = w.ProjectDir
	cmd.Env = append(append(inherited(), w.Env()...), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// Unset are variables of the user's that must not reach the CLI: a passphrase
// goes before the file with this stack's.
var Unset = []string{"PULUMI_CONFIG_PASSPHRASE"}

// inherited is this process's environment without them.
func inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(Unset, name)
	})
}

// writeOnce puts a fresh random value into the file unless it exists.
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
