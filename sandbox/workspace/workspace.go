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
	"strings"
)

// Options say where a workspace lives.
type Options struct {
	ProjectDir string // the directory with Pulumi.yaml
	StateDir   string // everything that belongs to this sandbox alone
	CacheDir   string // what can be built again: CLI, runtime, program
	Stack      string // the stack's name, which names its configuration file too
	Log        func(format string, args ...any)
}

// Workspace runs Pulumi commands on one stack of the project.
type Workspace struct {
	Options
	cli        string
	runtimeDir string // prepended to PATH; empty where the official runtime is
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
	if err := w.linkPlugins(); err != nil {
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

// StateFile is the checkpoint in which Pulumi keeps what it knows of the stack.
func (w *Workspace) StateFile() string {
	return filepath.Join(w.backendDir(), ".pulumi", "stacks", projectName, w.Stack+".json")
}

// Env points the CLI at this workspace. It holds no secret: the passphrase is
// named by its file.
func (w *Workspace) Env() []string {
	env := []string{
		"PULUMI_HOME=" + w.homeDir(),
		"PULUMI_BACKEND_URL=file://" + w.backendDir(),
		"PULUMI_CONFIG_PASSPHRASE_FILE=" + w.passphraseFile(),
		"PULUMI_OPTION_STACK=" + w.Stack,
		"PULUMI_OPTION_CONFIG_FILE=" + w.ConfigFile(),
		"PULUMI_SKIP_UPDATE_CHECK=1",
		"PULUMI_SUPPRESS_NEO_LINK=1",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=1",
	}
	return append(env, "PATH="+w.path())
}

// path puts the CLI and the runtime where a shell finds them.
func (w *Workspace) path() string {
	dirs := []string{filepath.Dir(w.cli)}
	if w.runtimeDir != "" {
		dirs = append(dirs, w.runtimeDir)
	}
	return strings.Join(append(dirs, os.Getenv("PATH")), string(os.PathListSeparator))
}

// Pulumi is the command `pulumi args...` in the project directory with env
// added to the workspace's own.
func (w *Workspace) Pulumi(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, args...)
	cmd.Dir = w.ProjectDir
	cmd.Env = append(append(os.Environ(), w.Env()...), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
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

// linkPlugins offers what `pulumi plugin install` put into the user's home:
// official plugins are used where they are installed.
func (w *Workspace) linkPlugins() error {
	link := filepath.Join(w.homeDir(), "plugins")
	if _, err := os.Lstat(link); err == nil {
		return nil
	}
	installed := userPluginDir()
	if _, err := os.Stat(installed); err != nil {
		return nil
	}
	return os.Symlink(installed, link)
}

// userPluginDir is where the CLI keeps downloaded plugins.
// https://www.pulumi.com/docs/iac/cli/environment-variables/ (PULUMI_HOME)
func userPluginDir() string {
	if home := os.Getenv("PULUMI_HOME"); home != "" {
		return filepath.Join(home, "plugins")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".pulumi", "plugins")
}

// Installed reports whether an official resource plugin of that name is there.
func Installed(plugin string) bool {
	found, err := filepath.Glob(filepath.Join(userPluginDir(), "resource-"+plugin+"-v*"))
	return err == nil && len(found) > 0
}
