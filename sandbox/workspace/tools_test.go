package workspace

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAnOldCLIIsRecognised(t *testing.T) {
	for version, old := range map[string]bool{
		"v3.250.0": false, "v3.245.0": false, "3.300.1-alpha.1": false, "v3.244.0": true, "v3.9.9": true, "": true, "dev": true,
	} {
		cli := filepath.Join(t.TempDir(), "pulumi")
		write(t, cli, "#!/bin/sh\necho '"+version+"'\n")
		if got, err := outdated(context.Background(), cli); (got != "") != old || err != nil {
			t.Errorf("%q is taken for %q, %v", version, got, err)
		}
	}
}

func TestOnlyAPluginThatTheEngineTakesIsInstalled(t *testing.T) {
	w := scratch(t, "exit 0")
	write(t, filepath.Join(w.ProjectDir, "go.mod"), "module x\n\nrequire (\n\tgithub.com/pulumi/pulumi-command/sdk v1.2.1\n\tgithub.com/pulumi/pulumi-docker/sdk/v4 v4.11.2\n)\n")
	home := t.TempDir()
	t.Setenv("PULUMI_HOME", home)
	plugins := filepath.Join(home, "plugins")
	installed := func(name string) bool {
		t.Helper()
		got, err := w.installed(name, plugins)
		if err != nil {
			t.Fatal(err)
		}
		return got != ""
	}
	for _, file := range []string{
		"resource-command-v1.0.0/pulumi-resource-command", // older than the SDK
		"resource-docker-v4.11.2.lock",                    // an interrupted download
		"resource-tls-v5.2.2/pulumi-resource-tls",         // not in go.mod
	} {
		write(t, filepath.Join(plugins, file), "")
	}
	for _, name := range []string{"command", "docker", "tls"} {
		if installed(name) {
			t.Errorf("%s counts as installed", name)
		}
	}
	write(t, filepath.Join(plugins, "resource-command-v1.2.1", "pulumi-resource-command"), "")
	write(t, filepath.Join(plugins, "resource-docker-v4.11.2", "pulumi-resource-docker"), "")
	write(t, filepath.Join(plugins, "resource-docker-v4.11.2.partial"), "")
	if !installed("command") || installed("docker") {
		t.Errorf("command %v, docker half-way %v", installed("command"), installed("docker"))
	}
	bin := t.TempDir()
	write(t, filepath.Join(bin, "pulumi-resource-tls"), "#!/bin/sh\n")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if !installed("tls") {
		t.Error("a plugin on PATH is passed over")
	}
}

// An installed runtime is used even if the stand-in is beside the CLI. The stand-in is
// there if the sandbox built the CLI before the runtime was installed.
func TestAnInstalledRuntimeIsPreferred(t *testing.T) {
	for _, built := range []bool{true, false} {
		w := scratch(t, "exit 0") // with a CLI and a runtime on PATH
		installed := filepath.Join(w.ProjectDir, "bin", runtimeName)
		if built {
			w.cli = filepath.Join(w.CacheDir, "pulumi-v3.250.0", "pulumi")
			write(t, w.cli, "#!/bin/sh\n")
			write(t, filepath.Join(filepath.Dir(w.cli), runtimeName), "#!/bin/sh\n")
		}
		var err error
		for range 2 { // the second time in the shell of serve
			if w.runtimeDir, err = w.findRuntime(context.Background()); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", w.path())
		}
		found, err := exec.LookPath(runtimeName)
		if err != nil {
			t.Fatal(err)
		}
		if found, err = filepath.EvalSymlinks(found); err != nil || found != installed || w.Runtime() != "official" {
			t.Errorf("CLI built %v: the runtime is %s (%s), %v; want %s", built, found, w.Runtime(), err, installed)
		}
	}
}

func TestOurOwnRuntimeIsNotTakenForAnInstalledOne(t *testing.T) {
	w := scratch(t, "exit 0")
	write(t, filepath.Join(w.CacheDir, "runtime", runtimeName), "#!/bin/sh\n")
	t.Setenv("PATH", filepath.Join(w.CacheDir, "runtime"))
	if found := w.installedRuntime(); found != "" {
		t.Errorf("took %s", found)
	}
}

func TestALinkToPluginsThatMovedFollowsThem(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	w := scratch(t, "exit 0")
	link := func(home string) string {
		t.Helper()
		t.Setenv("PULUMI_HOME", home)
		if err := w.linkPlugins(nil); err != nil {
			t.Fatal(err)
		}
		target, _ := os.Readlink(w.pluginDir()) // "" where there is no link
		return target
	}
	for _, home := range []string{before, after} {
		if err := os.Mkdir(filepath.Join(home, "plugins"), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := link(home); got != filepath.Join(home, "plugins") {
			t.Errorf("the link leads to %s", got)
		}
	}
	if err := os.RemoveAll(filepath.Join(after, "plugins")); err != nil {
		t.Fatal(err)
	}
	if got := link(after); got != "" {
		t.Errorf("a link to nothing is left: %s", got)
	}
	// A plugin that the CLI itself installed in this directory is kept.
	write(t, filepath.Join(w.pluginDir(), "resource-x-v1.0.0", "pulumi-resource-x"), "")
	if got := link(before); got != "" {
		t.Errorf("installed plugins became a link to %s", got)
	}
}
