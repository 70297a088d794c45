package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	Keep     bool              // Values hold for later runs too, unless Revert follows
	Reset    bool              // those kept from earlier runs do not count
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
	if w.stateBefore, err = w.state(); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	values, err := w.merge(settings)
	if err != nil {
		return fmt.Errorf("keep the settings of --config: %w", err)
	}
	if err := w.lay(ctx, shipped, values, settings.Secrets); err != nil {
		_, undone := w.Revert()
		return errors.Join(err, undone)
	}
	return nil
}

// lay writes the configuration file unless it is the one wanted, and carries
// over what the user has set in it by hand.
func (w *Workspace) lay(ctx context.Context, shipped []byte, values []string, secrets map[string]string) error {
	keys := rootKeys(values, secrets)
	base, users, err := w.withUsers(shipped, keys)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		w.Log("with settings made by `pulumi config set`: %s; `pulumi config rm` in the shell of `serve` drops them", strings.Join(users, " "))
	}
	stamp := digest(shipped, values, secrets)
	if w.upToDate(stamp) {
		return nil
	}
	// The shipped file alone must never pass for the configuration.
	if err := os.Remove(w.stampFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// In this order, whatever is laid is known as such wherever it breaks off.
	if err := os.WriteFile(w.ConfigFile(), base, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(w.keysFile(), []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		return err
	}
	if err := w.setConfig(ctx, values, secrets); err != nil {
		return err
	}
	return os.WriteFile(w.stampFile(), []byte(stamp), 0o600)
}

// stampFile says of what the configuration file was made, once it is complete.
func (w *Workspace) stampFile() string { return w.ConfigFile() + ".stamp" }

func (w *Workspace) setConfig(ctx context.Context, values []string, secrets map[string]string) error {
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

// rootKeys are the keys in which the settings and secrets stand.
func rootKeys(values []string, secrets map[string]string) []string {
	keys := sortedKeys(secrets)
	for _, setting := range values {
		path, _, _ := strings.Cut(setting, "=")
		keys = append(keys, rootOf(path))
	}
	return keys
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

// Deployed says whether the stack that the options name has any resource. It
// makes nothing, and needs neither the CLI nor anybody's lock.
func Deployed(opts Options) (bool, error) {
	state, err := (&Workspace{Options: opts}).state()
	if err != nil || state == nil {
		return false, err
	}
	var file struct {
		Checkpoint struct {
			Latest struct{ Resources []json.RawMessage }
		}
	}
	if err := json.Unmarshal(state, &file); err != nil {
		return false, fmt.Errorf("read the stack's state: %w", err)
	}
	return len(file.Checkpoint.Latest.Resources) > 0, nil
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
