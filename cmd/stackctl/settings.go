package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"averazure/internal/release"
)

// settings are the settings that `pulumi up` writes for stackctl.
type settings struct {
	// DeployScope is what the deploy key may do: stack or images.
	DeployScope string `json:"deployScope"`
	// Converge and Patience replace the bounds of release.Settings of those names;
	// durations such as 20m and 90s.
	Converge duration `json:"converge,omitempty"`
	Patience duration `json:"patience,omitempty"`
	// Window is when nodes may reboot, as in Sunday 03:00-05:00; empty for never.
	Window window `json:"window,omitzero"`
	// Backup says where backups go; nil where none are made.
	Backup *backupSettings `json:"backup,omitempty"`
}

// duration is written as Go does: 90s.
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed <= 0 {
		err = fmt.Errorf("%s is not positive", text)
	}
	*d = duration(parsed)
	return err
}

// window is written as release.ParseWindow reads it.
type window release.Window

func (w *window) UnmarshalText(text []byte) error {
	parsed, err := release.ParseWindow(string(text))
	*w = window(parsed)
	return err
}

// readSettings reads the settings file. Without one the bounds are the defaults;
// for the deploy key, doWish insists on a scope.
func (a *app) readSettings() (settings, error) {
	var s settings
	data, err := readOwn(a.settings)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&s)
	}
	if err != nil {
		return s, mistakef("settings", "%s: %v; `pulumi up` writes it", a.settings, err)
	}
	return s, nil
}

// readOwn reads a file that only root, or the user who runs stackctl, can write.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid != 0 && int(owner.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return nil, errors.New("users other than root can write it")
	}
	return os.ReadFile(path)
}

func (s settings) bounds() release.Settings {
	bounds := release.Defaults()
	bounds.Window = release.Window(s.Window)
	if s.Converge > 0 {
		bounds.Converge = time.Duration(s.Converge)
	}
	if s.Patience > 0 {
		bounds.Patience = time.Duration(s.Patience)
	}
	return bounds
}
