package workspace

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// merge lays the settings over each other, says which of earlier runs apply,
// and keeps the user's if it is asked to.
func (w *Workspace) merge(settings Settings) ([]string, error) {
	file := filepath.Join(w.StateDir, "settings")
	kept, err := readSettings(file)
	if err != nil {
		return nil, err
	}
	merged := maps.Clone(settings.Computed)
	if merged == nil {
		merged = map[string]string{}
	}
	if earlier := differing(kept, settings); len(earlier) > 0 {
		w.Log("with settings kept from earlier runs: %s", strings.Join(earlier, " "))
	}
	users := kept
	maps.Copy(users, settings.Values)
	maps.Copy(merged, users)
	if settings.Keep {
		err = os.WriteFile(file, []byte(strings.Join(settingLines(users), "\n")), 0o600)
	}
	return settingLines(merged), err
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
