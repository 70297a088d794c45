package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// merged is what a run's configuration is made of, secrets apart.
type merged struct {
	base  config.Map              // Pulumi.sandbox.yaml, and over it what only the sandbox knows
	yours map[string]config.Value // by path; goes over that, and over the secrets
	salt  string                  // of what is encrypted in yours
}

// merge lays the settings over each other, says which of earlier runs decide, and keeps
// the user's if it is asked to.
func (w *Workspace) merge(settings Settings) (merged, error) {
	project, err := w.declared()
	if err != nil {
		return merged{}, err
	}
	shipped, err := load(w.shippedFile())
	if err != nil {
		return merged{}, err
	}
	computed := map[string]config.Value{}
	for path, value := range settings.Computed {
		computed[path] = config.NewValue(value)
	}
	base, err := over(shipped.Config, computed)
	if err != nil {
		return merged{}, err
	}
	yours, err := w.kept(settings)
	if err != nil {
		return merged{}, err
	}
	earlier := flat(yours.Config)
	now := &sdk.ProjectStack{EncryptionSalt: yours.EncryptionSalt, Config: config.Map{}}
	if settings.Reset {
		if len(earlier) > 0 {
			w.Log("dropped the settings kept from earlier runs: %s", strings.Join(slices.Sorted(maps.Keys(earlier)), ", "))
		}
		earlier = nil
	} else if now.Config, err = over(now.Config, earlier); err != nil {
		return merged{}, err
	}
	var problems []error
	for _, setting := range settings.Values {
		problems = append(problems, project.set(now.Config, base, setting))
	}
	if err := errors.Join(problems...); err != nil {
		return merged{}, err
	}
	m := merged{base: base, yours: flat(now.Config), salt: now.EncryptionSalt}
	project.tell(w, m, shipped.Config, earlier)
	if settings.Keep {
		return m, w.keep(now)
	}
	return m, nil
}

// kept are the settings that the user has made before this run. Those of `pulumi config`
// are noted as such at once, since the configuration is laid anew.
func (w *Workspace) kept(settings Settings) (*sdk.ProjectStack, error) {
	yours, err := load(w.settingsFile())
	if err != nil {
		return nil, err
	}
	if err := w.adopt(yours); err != nil {
		return nil, err
	}
	for path := range settings.Trial {
		if err := yours.Config.Remove(keyOf(path), true); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return yours, save(yours, w.settingsFile())
}

// tell says which settings of earlier runs decide, and against what. Nothing is to be
// said of those that this run has set anew, or that change nothing.
func (d declared) tell(w *Workspace, m merged, shipped config.Map, earlier map[string]config.Value) {
	under, says := flat(m.base), flat(shipped)
	for _, path := range slices.Sorted(maps.Keys(earlier)) {
		now, instead := earlier[path], "nothing else sets it"
		if !same(m.yours[path], now) {
			continue
		}
		if value, ok := under[path]; ok {
			if same(value, now) {
				continue
			}
			instead = "the sandbox has " + shown(value)
			if said, ok := says[path]; ok && same(said, value) {
				instead = shippedFile + " says " + shown(value)
			}
		} else if value, ok := d.defaultOf(path); ok {
			if value == strings.Trim(shown(now), `"`) {
				continue
			}
			instead = fmt.Sprintf("the default is %q", value)
		}
		w.Log("%s is %s, which you have set before; %s; `%s up --reset` goes back to the file", path, shown(now), instead, w.Self)
	}
}

// defaultOf is what Pulumi.yaml says of a key that nobody sets.
func (d declared) defaultOf(path string) (string, bool) {
	key, ok := d.Config[keyName(path)]
	if !ok || key.Default == nil {
		return "", false
	}
	if list, ok := key.Default.([]any); ok {
		return strings.Join(texts(list), ","), true
	}
	return fmt.Sprint(key.Default), true
}

// keep writes the user's settings down at once, so that a run that is killed
// half-way has kept what its changes were made of. Revert takes them back.
func (w *Workspace) keep(now *sdk.ProjectStack) error {
	before, err := os.ReadFile(w.settingsFile())
	if err != nil {
		return err
	}
	w.replaced = &before
	return save(now, w.settingsFile())
}

// Revert puts the kept settings back to what they were before Configure if the
// state is still the same: a configuration that was refused would be refused in
// every later run. It says whether there was anything to put back.
func (w *Workspace) Revert() (bool, error) {
	if w.replaced == nil {
		return false, nil
	}
	state, err := w.state()
	if err != nil || !bytes.Equal(state, w.stateBefore) {
		return false, err
	}
	before := *w.replaced
	w.replaced = nil
	now, err := os.ReadFile(w.settingsFile())
	if err != nil || bytes.Equal(before, now) {
		return false, err
	}
	return true, os.WriteFile(w.settingsFile(), before, 0o600)
}

// state is the checkpoint as it stands, nothing where there is none.
func (w *Workspace) state() ([]byte, error) {
	state, err := os.ReadFile(w.StateFile())
	return state, ignoreMissing(err)
}
