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

// Source says which plugins are used where the official ones could be had.
type Source string

// The sources. Auto takes what is installed, asks for the rest once a day, and
// leaves what cannot be had to the stand-ins. Official asks now, and will have no
// stand-in. Played takes stand-ins alone.
const (
	Auto     Source = "auto"
	Official Source = "official"
	Played   Source = "played"
)

// Validate refuses what is not one of the sources.
func (s Source) Validate() error {
	switch s {
	case Auto, Official, Played:
		return nil
	}
	return fmt.Errorf("%q is not %s, %s or %s", s, Auto, Official, Played)
}

// Plugins says of each plugin which official one the engine will take: its
// version, or "from PATH"; "" where there is none, and it has to be played.
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
			return nil, fmt.Errorf("the official %s plugin cannot be had; without --plugins=%s it is played", name, Official)
		}
	}
	return found, nil
}

// pluginDir is where the engine finds plugins that are not on PATH.
func (w *Workspace) pluginDir() string { return filepath.Join(w.homeDir(), "plugins") }

// linkPlugins points the engine at the directory that has the most of the official
// plugins: what `pulumi plugin install` put into the user's home, or what was
// fetched. A link of an earlier run may lead to where nothing is any more. What
// somebody installed in the shell of serve, where there was no link, stays.
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
		// The CLI makes a directory here when it installs one; not where a link is.
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

// missing are those of the plugins that the engine would not find.
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

// installed is what the engine takes of an official plugin: any on PATH, else the
// version of the program's SDK, whole, in the directory. With another one a run
// would fail.
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
	// While it is being unpacked, and after that broke off.
	if _, err := os.Stat(whole + ".partial"); !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return version, nil
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
