package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// Source says where the plugins command, docker and tls come from.
type Source string

// Auto uses installed plugins, downloads missing ones, at most one attempt a day, and
// uses stand-ins for the rest. Official downloads missing ones now and uses no stand-ins.
// Played uses stand-ins only.
const (
	Auto     Source = "auto"
	Official Source = "official"
	Played   Source = "played"
)

// Validate refuses an unknown source.
func (s Source) Validate() error {
	switch s {
	case Auto, Official, Played:
		return nil
	}
	return fmt.Errorf("unknown source %q; use %s, %s or %s", s, Auto, Official, Played)
}

// Plugins returns, for each plugin, the official version that the engine will use, or
// "from PATH". It is "" if the sandbox has to use the stand-in.
func (w *Workspace) Plugins(ctx context.Context, names []string, source Source) (map[string]string, error) {
	found := map[string]string{}
	if source == Played {
		return found, nil
	}
	missing, err := w.missing(names, w.pluginDir())
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		if err := w.fetch(ctx, missing, source == Official); err != nil {
			return nil, err
		}
		if err := w.linkPlugins(names); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if found[name], err = w.installed(name, w.pluginDir()); err != nil {
			return nil, err
		}
		if found[name] == "" && source == Official {
			return nil, unavailable(name)
		}
	}
	return found, nil
}

// unavailable is the error for an official plugin that is neither installed nor
// downloadable. Its value is the plugin's name.
type unavailable string

func (u unavailable) Error() string {
	return fmt.Sprintf("the official plugin %s is not available; without --plugins=%s the sandbox uses a stand-in", string(u), Official)
}

// pluginDir is where the engine looks for plugins that are not on PATH.
func (w *Workspace) pluginDir() string { return filepath.Join(w.homeDir(), "plugins") }

// linkPlugins links the engine's plugin directory to the one that has most of the official
// plugins: the user's (`pulumi plugin install`) or the downloads. It replaces a link of an
// earlier run. It keeps a real directory, into which the CLI installed plugins in the shell
// of serve.
func (w *Workspace) linkPlugins(names []string) error {
	link := w.pluginDir()
	if info, err := os.Lstat(link); err == nil && info.IsDir() {
		return nil
	}
	best, most := userPluginDir(), -1
	for _, dir := range []string{userPluginDir(), filepath.Join(w.fetchDir(), "plugins")} {
		missing, err := w.missing(names, dir)
		if err != nil {
			return err
		}
		if has := len(names) - len(missing); has > most {
			best, most = dir, has
		}
	}
	if _, err := os.Stat(best); err != nil {
		// The CLI makes a directory here when it installs a plugin, but not over a link.
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return replaceLink(best, link)
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

// missing are the plugins that the engine would not find.
func (w *Workspace) missing(names []string, dir string) (missing []string, err error) {
	for _, name := range names {
		version, err := w.installed(name, dir)
		if err != nil {
			return nil, err
		}
		if version == "" {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// installed is the version of an official plugin that the engine would use. It is any
// version on PATH, else a complete plugin of the SDK's version in the directory. From the
// directory the engine accepts no other version.
func (w *Workspace) installed(plugin, dir string) (version string, err error) {
	if _, err := exec.LookPath("pulumi-resource-" + plugin); err == nil {
		return "from PATH", nil
	}
	if version, err = w.sdkVersion(plugin); err != nil || version == "" {
		return "", err
	}
	whole := filepath.Join(dir, "resource-"+plugin+"-"+version)
	if info, err := os.Stat(whole); err != nil || !info.IsDir() {
		return "", nil
	}
	// The .partial file exists while the CLI unpacks the plugin, and after an interrupted
	// unpacking.
	if _, err := os.Stat(whole + ".partial"); !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return version, nil
}

// sdkVersion is the version of the plugin's SDK in go.mod, which the SDK requests from
// the engine. It is "" if the program does not use the plugin.
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
