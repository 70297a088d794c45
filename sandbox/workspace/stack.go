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

// projectName is the name in Pulumi.yaml; the file backend keeps a directory
// of that name.
const projectName = "averazure"

// Settings change what the shipped configuration says. A later one of these goes
// before an earlier one; README.md says the same to users.
type Settings struct {
	Computed map[string]string // what only the sandbox knows, by path
	Secrets  map[string]string // the same of secrets
	Trial    map[string]string // secrets of `secret set`, by path
	Values   []Setting         // the user's; those kept from earlier runs come before them
	Keep     bool              // Values hold for later runs too, unless Revert follows
	Reset    bool              // those kept from earlier runs do not count
}

// Configure creates the stack and lays its configuration: the shipped
// Pulumi.sandbox.yaml with the settings.
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

// lay writes the configuration file unless it is the one wanted. The copy is taken away
// first and made last: without it nothing in the file passes for the user's.
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

// stampFile says of what the configuration file was made, once it is complete.
func (w *Workspace) stampFile() string { return w.ConfigFile() + ".stamp" }

func (w *Workspace) shippedFile() string { return filepath.Join(w.ProjectDir, shippedFile) }

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
	return w.quietly(ctx, w.seedDir(), "", nil, "stack", "init", "--no-select")
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
	return w.quietly(ctx, w.ProjectDir, "", nil, "cancel", "--yes")
}

// upToDate tells whether the file was made of just this, and is as it was made.
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

// quietly runs a command whose output matters only when it fails.
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
