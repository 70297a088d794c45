package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// projectName is the name in Pulumi.yaml and of the directory in the file backend.
const projectName = "averazure"

// Settings change the checked-out settings. A later field overrides an earlier one;
// README.md explains the order to users.
type Settings struct {
	Computed map[string]string // by path; known to the sandbox only
	Secrets  map[string]string // secrets known to the sandbox only
	Trial    map[string]string // secrets of `secret set`, by path
	Values   []Setting         // the user's; they override kept ones
	Keep     bool              // keep Values for later runs, unless Revert follows
	Reset    bool              // ignore kept settings
}

// Configure creates the stack and writes its settings file: Pulumi.sandbox.yaml with the
// settings.
func (w *Workspace) Configure(ctx context.Context, settings Settings) error {
	if err := w.createStack(ctx); err != nil {
		return fmt.Errorf("create the stack %s: %w", w.Stack, err)
	}
	var err error
	if w.stateBefore, err = w.state(); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	m, err := w.merge(settings)
	if err != nil {
		return err
	}
	secrets := maps.Clone(settings.Secrets)
	if secrets == nil {
		secrets = map[string]string{}
	}
	maps.Copy(secrets, settings.Trial)
	if err := w.lay(ctx, m, secrets); err != nil {
		_, undone := w.Revert()
		return errors.Join(err, undone)
	}
	return nil
}

// lay writes the settings file if its content changes. It removes the copy of the file
// first and writes a new copy last: without a copy, no value in the file counts as the
// user's.
func (w *Workspace) lay(ctx context.Context, m merged, secrets map[string]string) error {
	stamp := m.digest(secrets)
	if w.upToDate(stamp) {
		return nil
	}
	for _, file := range []string{w.stampFile(), w.laidFile()} {
		if err := ignoreMissing(os.Remove(file)); err != nil {
			return err
		}
	}
	next := filepath.Join(w.StateDir, "next.yaml")
	if err := save(&sdk.ProjectStack{EncryptionSalt: m.salt, Config: m.base}, next); err != nil {
		return err
	}
	for _, path := range sortedKeys(secrets) {
		if err := w.quietly(ctx, w.ProjectDir, secrets[path], []string{configFileVariable + next}, "config", "set", "--secret", "--path", path); err != nil {
			return fmt.Errorf("set the secret %s: %w", path, err)
		}
	}
	stack, err := load(next)
	if err != nil {
		return err
	}
	if stack.Config, err = over(stack.Config, m.yours); err != nil {
		return err
	}
	fresh := filepath.Join(w.StateDir, "laid-next.yaml")
	if err := errors.Join(save(stack, next), save(stack, fresh), os.Rename(next, w.ConfigFile())); err != nil {
		return err
	}
	return errors.Join(os.Rename(fresh, w.laidFile()), os.WriteFile(w.stampFile(), []byte(stamp), 0o600))
}

// stampFile holds the hash of the complete settings file's sources.
func (w *Workspace) stampFile() string { return w.ConfigFile() + ".stamp" }

func (w *Workspace) shippedFile() string { return filepath.Join(w.ProjectDir, shippedFile) }

// createStack uses a directory with a copy of Pulumi.yaml, because `stack init` writes
// its salt into the settings file beside the project.
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
	return w.quietly(ctx, w.seedDir(), "", nil, "stack", "init", "--no-select")
}

// Deployed tells whether the stack has any resources. It needs neither the CLI nor a
// lock.
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

// unlock removes the lock that a killed run left on the state. The caller holds the
// sandbox's lock, so no other run uses the state.
func (w *Workspace) unlock(ctx context.Context) error {
	locks, err := filepath.Glob(filepath.Join(w.backendDir(), ".pulumi", "locks", "*", projectName, w.Stack, "*.json"))
	if err != nil || len(locks) == 0 {
		return err
	}
	w.Log("the last run was killed; removing its lock from the state")
	return w.quietly(ctx, w.ProjectDir, "", nil, "cancel", "--yes")
}

// upToDate tells whether the settings file was made from these settings and has not
// changed since.
func (w *Workspace) upToDate(stamp string) bool {
	old, err := os.ReadFile(w.stampFile())
	if err != nil || string(old) != stamp {
		return false
	}
	laid, err := load(w.laidFile())
	if err != nil {
		return false
	}
	current, err := load(w.ConfigFile())
	return err == nil && laid.EncryptionSalt == current.EncryptionSalt && maps.EqualFunc(flat(laid.Config), flat(current.Config), same)
}

// quietly runs a command and shows its output only if it fails.
func (w *Workspace) quietly(ctx context.Context, dir, stdin string, env []string, args ...string) error {
	cmd := w.Pulumi(ctx, env, args...)
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

func (m merged) digest(secrets map[string]string) string {
	sum := sha256.New()
	for _, layer := range []map[string]config.Value{flat(m.base), m.yours} {
		for _, path := range slices.Sorted(maps.Keys(layer)) {
			fmt.Fprintln(sum, path, text(layer[path]))
		}
	}
	for _, path := range sortedKeys(secrets) {
		fmt.Fprintln(sum, path, secrets[path])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
