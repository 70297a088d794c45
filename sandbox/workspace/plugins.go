package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

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

// Installed reports whether an official resource plugin of that name is there
// that the engine takes: any on PATH, else the version of the program's SDK,
// whole. With another one a run would fail.
func (w *Workspace) Installed(plugin string) (bool, error) {
	if _, err := exec.LookPath("pulumi-resource-" + plugin); err == nil {
		return true, nil
	}
	version, err := w.sdkVersion(plugin)
	if err != nil || version == "" {
		return false, err
	}
	dir := filepath.Join(userPluginDir(), "resource-"+plugin+"-"+version)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return false, nil
	}
	_, err = os.Stat(dir + ".partial") // while it is being unpacked, and after that broke off
	return errors.Is(err, fs.ErrNotExist), nil
}

// sdkVersion is the version of the plugin's SDK in go.mod, which the SDK asks the
// engine for; "" when the program does not use it.
func (w *Workspace) sdkVersion(plugin string) (string, error) {
	file := filepath.Join(w.ProjectDir, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the version of the SDK: %w", err)
	}
	mod, err := modfile.ParseLax(file, text, nil)
	if err != nil {
		return "", err
	}
	sdk := "github.com/pulumi/pulumi-" + plugin + "/sdk"
	for _, require := range mod.Require {
		if path := require.Mod.Path; path == sdk || strings.HasPrefix(path, sdk+"/v") {
			return require.Mod.Version, nil
		}
	}
	return "", nil
}
