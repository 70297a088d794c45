package workspace

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestAnOldCLIIsToldApart(t *testing.T) {
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
	installed := func(name string) bool {
		t.Helper()
		got, err := w.Installed(name)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plugins := filepath.Join(home, "plugins")
	for _, file := range []string{
		"resource-command-v1.0.0/pulumi-resource-command", // older than the SDK
		"resource-docker-v4.11.2.lock",                    // a download that broke off
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
