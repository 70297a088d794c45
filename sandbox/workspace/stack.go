package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// projectName is the name in Pulumi.yaml; the file backend keeps a directory
// of that name.
const projectName = "averazure"

// Settings change what the shipped configuration says. A later one of these goes
// before an earlier one.
type Settings struct {
	Secrets  map[string]string // by key
	Computed map[string]string // by path, as in `pulumi config set --path`
	Values   map[string]string // the user's, by path; those kept from earlier runs come before them
	Keep     bool              // Values hold for later runs too, also if this one fails: what it changed is real
}

// Configure creates the stack and lays its configuration: the shipped
// Pulumi.sandbox.yaml with the settings.
func (w *Workspace) Configure(ctx context.Context, settings Settings) error {
	if err := w.createStack(ctx); err != nil {
		return fmt.Errorf("create the stack %s: %w", w.Stack, err)
	}
	shipped, err := os.ReadFile(filepath.Join(w.ProjectDir, "Pulumi.sandbox.yaml"))
	if err != nil {
		return fmt.Errorf("read the sandbox's configuration: %w", err)
	}
	values, err := w.merge(settings)
	if err != nil {
		return fmt.Errorf("keep the settings of --config: %w", err)
	}
	stamp := digest(shipped, values, settings.Secrets)
	if w.upToDate(stamp) {
		return nil
	}
	// The shipped file alone must never pass for the configuration.
	if err := os.Remove(w.stampFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := w.writeConfig(ctx, shipped, values, settings.Secrets); err != nil {
		return err
	}
	return os.WriteFile(w.stampFile(), []byte(stamp), 0o600)
}

// stampFile says of what the configuration file was made, once it is complete.
func (w *Workspace) stampFile() string { return w.ConfigFile() + ".stamp" }

func (w *Workspace) writeConfig(ctx context.Context, shipped []byte, values []string, secrets map[string]string) error {
	if err := os.WriteFile(w.ConfigFile(), shipped, 0o600); err != nil {
		return err
	}
	for _, key := range sortedKeys(secrets) {
		if err := w.quietly(ctx, w.ProjectDir, secrets[key], "config", "set", "--secret", key); err != nil {
			return fmt.Errorf("set the secret %s: %w", key, err)
		}
	}
	if len(values) == 0 {
		return nil
	}
	args := []string{"config", "set-all", "--path"}
	for _, setting := range values {
		args = append(args, "--plaintext", setting)
	}
	if err := w.quietly(ctx, w.ProjectDir, "", args...); err != nil {
		return fmt.Errorf("apply --config: %w", err)
	}
	return nil
}

// createStack works in a directory with a copy of Pulumi.yaml: `stack init`
// writes its salt into the stack's configuration file beside the project.
func (w *Workspace) createStack(ctx context.Context) error {
	if _, err := os.Stat(w.StateFile()); err == nil {
		return w.unlock(ctx)
	}
	project, err := os.ReadFile(filepath.Join(w.ProjectDir, "Pulumi.yaml"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.seedDir(), "Pulumi.yaml"), project, 0o600); err != nil {
		return err
	}
	return w.quietly(ctx, w.seedDir(), "", "stack", "init", "--no-select")
}

// unlock removes the lock of a run that was killed. The caller holds the
// sandbox's own lock, so nobody else is at work on this state.
func (w *Workspace) unlock(ctx context.Context) error {
	locks, err := filepath.Glob(filepath.Join(w.backendDir(), ".pulumi", "locks", "*", projectName, w.Stack, "*.json"))
	if err != nil || len(locks) == 0 {
		return err
	}
	w.Log("the last run was stopped half-way: taking its lock off the state")
	return w.quietly(ctx, w.ProjectDir, "", "cancel", "--yes")
}

func (w *Workspace) upToDate(stamp string) bool {
	old, err := os.ReadFile(w.stampFile())
	if err != nil || string(old) != stamp {
		return false
	}
	_, err = os.Stat(w.ConfigFile())
	return err == nil
}

// quietly runs a command whose output matters only when it fails.
func (w *Workspace) quietly(ctx context.Context, dir, stdin string, args ...string) error {
	cmd := w.Pulumi(ctx, nil, args...)
	cmd.Dir = dir
	var output bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &output, &output
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("pulumi %s: %s", args[0], strings.TrimSpace(output.String()))
	}
	return err
}

func digest(shipped []byte, values []string, secrets map[string]string) string {
	sum := sha256.New()
	sum.Write(shipped)
	for _, line := range values {
		fmt.Fprintln(sum, line)
	}
	for _, key := range sortedKeys(secrets) {
		fmt.Fprintln(sum, key, secrets[key])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
