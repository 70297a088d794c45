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

// merged is the configuration of a run, without secrets.
type merged struct {
	base  config.Map              // Pulumi.sandbox.yaml with the computed settings on top
	yours map[string]config.Value // the user's, by path; on top of base and of the secrets
	salt  string                  // for the encrypted values in yours
}

// merge combines the settings, reports which settings of earlier runs are in force, and
// keeps the user's settings if asked to.
func (w *Workspace) merge(settings Settings) (merged, error) {
	project, err := w.declared()
	if err != nil {
		return merged{}, err
	}
	shipped, err := load(w.shippedFile())
	if err != nil {
		return merged{}, err
	}
	if err := project.check(w.shippedFile(), w.Self); err != nil {
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
			w.Log("dropped the kept settings %s", strings.Join(slices.Sorted(maps.Keys(earlier)), ", "))
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

// kept returns the settings that the user made before this run. It saves those made with
// `pulumi config` at once, since the run rewrites the settings file.
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

// tell logs which kept settings are in force and what they override. It skips those that
// this run sets and those that change nothing.
func (d declared) tell(w *Workspace, m merged, shipped config.Map, earlier map[string]config.Value) {
	under, says, told := flat(m.base), flat(shipped), false
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
		w.Log("%s is %s, kept from an earlier run; %s", path, shown(now), instead)
		told = true
	}
	if told {
		w.Log("`%[1]s pulumi -- config rm --path KEY` drops one of the kept settings, `%[1]s up --reset` all of them", w.Self)
	}
}

// defaultOf is the default in Pulumi.yaml.
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

// keep saves the user's settings before the run changes anything. So if the run is killed,
// the settings that it has used are kept. Revert undoes this.
func (w *Workspace) keep(now *sdk.ProjectStack) error {
	before, err := os.ReadFile(w.settingsFile())
	if err != nil {
		return err
	}
	w.replaced = &before
	return save(now, w.settingsFile())
}

// Revert restores the kept settings from before Configure if the state has not changed
// since: refused settings would make every later run fail. It tells whether it restored
// anything.
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

// state is the content of the checkpoint, or nil if there is none.
func (w *Workspace) state() ([]byte, error) {
	state, err := os.ReadFile(w.StateFile())
	return state, ignoreMissing(err)
}
