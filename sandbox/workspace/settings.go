package workspace

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// merge lays the settings over each other, says which of earlier runs apply,
// and keeps the user's if it is asked to.
func (w *Workspace) merge(settings Settings) ([]string, error) {
	kept := map[string]string{}
	if !settings.Reset {
		var err error
		if kept, err = readSettings(w.settingsFile()); err != nil {
			return nil, err
		}
	}
	merged := maps.Clone(settings.Computed)
	if merged == nil {
		merged = map[string]string{}
	}
	if earlier := differing(kept, settings); len(earlier) > 0 {
		w.Log("with settings kept from earlier runs: %s; `up --reset` drops them", strings.Join(earlier, " "))
	}
	users := kept
	maps.Copy(users, settings.Values)
	maps.Copy(merged, users)
	if !settings.Keep {
		return settingLines(merged), nil
	}
	return settingLines(merged), w.keep(users)
}

func (w *Workspace) settingsFile() string { return filepath.Join(w.StateDir, "settings") }

// keep writes the user's settings down at once, so that a run that is killed
// half-way has kept what its changes were made of. Revert takes them back.
func (w *Workspace) keep(users map[string]string) error {
	before, err := os.ReadFile(w.settingsFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(w.settingsFile(), []byte(strings.Join(settingLines(users), "\n")), 0o600); err != nil {
		return err
	}
	w.replaced = &before
	return nil
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
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return state, err
}

// differing are the kept settings that decide something: this run says nothing of
// them, and they are not computed anyway.
func differing(kept map[string]string, settings Settings) []string {
	deciding := maps.Clone(kept)
	maps.DeleteFunc(deciding, func(path, value string) bool {
		_, again := settings.Values[path]
		return again || settings.Computed[path] == value
	})
	return settingLines(deciding)
}

func readSettings(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if path, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			settings[path] = value
		}
	}
	return settings, nil
}

func settingLines(settings map[string]string) []string {
	var lines []string
	for _, path := range sortedKeys(settings) {
		lines = append(lines, path+"="+settings[path])
	}
	return lines
}
