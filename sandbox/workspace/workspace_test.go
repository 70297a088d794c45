package workspace

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scratch is a workspace with its own project and a stub for the CLI. The stub records
// commands instead of running them.
func scratch(t *testing.T, cli string) *Workspace {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Pulumi.yaml"), "name: averazure\nruntime: go\n")
	write(t, filepath.Join(dir, "Pulumi.sandbox.yaml"), "config:\n  averazure:workers: 2\n")
	bin := filepath.Join(dir, "bin")
	cli = `if [ "$1" = version ]; then echo v3.250.0; exit 0; fi; ` + cli
	for name, script := range map[string]string{"pulumi": cli, "pulumi-language-go": "exit 0"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\n"+script+"\n")
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	w, err := Open(context.Background(), Options{
		ProjectDir: dir, StateDir: filepath.Join(dir, "state"), CacheDir: filepath.Join(dir, "cache"),
		Stack: "sandbox", Log: t.Logf, Self: "sandbox",
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// recordCalls is a CLI that writes its arguments and standard input to a log.
const recordCalls = `echo "$* < $(cat)" >> "$PULUMI_HOME/calls"`

func TestSecretsAreConfiguredThroughStandardInput(t *testing.T) {
	w := scratch(t, recordCalls)
	secrets := map[string]string{"averazure:registryToken": "hunter2"}
	if err := w.Configure(context.Background(), Settings{Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	calls := read(t, filepath.Join(w.homeDir(), "calls"))
	if !strings.Contains(calls, "config set --secret --path averazure:registryToken < hunter2") {
		t.Errorf("the secret did not go by standard input:\n%s", calls)
	}
}

func TestUnchangedConfigurationIsNotWrittenAgain(t *testing.T) {
	w := scratch(t, recordCalls)
	settings := Settings{Values: []Setting{{"averazure:workers", "3"}}, Secrets: map[string]string{"averazure:registryToken": "hunter2"}}
	configure := func(times int) {
		t.Helper()
		if err := w.Configure(context.Background(), settings); err != nil {
			t.Fatal(err)
		}
		calls := read(t, filepath.Join(w.homeDir(), "calls"))
		if n := strings.Count(calls, "config set"); n != times {
			t.Errorf("configured %d times, want %d:\n%s", n, times, calls)
		}
	}
	configure(1)
	configure(1)
	write(t, w.ConfigFile(), "config: {}\n") // as `pulumi config rm` might
	configure(2)
	settings.Secrets["averazure:registryToken"] = "hunter3"
	configure(3)
}

func TestShippedConfigurationStaysUntouched(t *testing.T) {
	w := scratch(t, `echo salt >> Pulumi.sandbox.yaml; `+recordCalls)
	before := read(t, filepath.Join(w.ProjectDir, "Pulumi.sandbox.yaml"))
	if err := w.Configure(context.Background(), Settings{}); err != nil {
		t.Fatal(err)
	}
	if after := read(t, filepath.Join(w.ProjectDir, "Pulumi.sandbox.yaml")); after != before {
		t.Errorf("the checked-out configuration was changed:\n%s", after)
	}
}

func TestFailureShowsWhatTheCLISaid(t *testing.T) {
	w := scratch(t, `echo "error: no such path" >&2; exit 3`)
	err := w.Configure(context.Background(), Settings{})
	if err == nil || !strings.Contains(err.Error(), "no such path") {
		t.Errorf("error is %v, want the CLI's own words", err)
	}
}

func TestEnvironmentHoldsNoPassphrase(t *testing.T) {
	w := scratch(t, "exit 0")
	secret := read(t, w.passphraseFile())
	if len(secret) < 32 {
		t.Fatalf("passphrase of %d characters is too short", len(secret))
	}
	if strings.Contains(strings.Join(w.Env(), "\n"), secret) {
		t.Error("the passphrase stands in the environment")
	}
}

func TestAPassphraseOfTheUsersDoesNotReachTheCLI(t *testing.T) {
	w := scratch(t, `echo "passphrase: ${PULUMI_CONFIG_PASSPHRASE-none}" >> "$PULUMI_HOME/calls"`)
	t.Setenv("PULUMI_CONFIG_PASSPHRASE", "the user's")
	if err := w.Configure(context.Background(), Settings{}); err != nil {
		t.Fatal(err)
	}
	if calls := read(t, filepath.Join(w.homeDir(), "calls")); strings.Contains(calls, "user") || !strings.Contains(calls, "none") {
		t.Errorf("it did:\n%s", calls)
	}
}

func TestBuildReportsTheCompilersErrors(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("go is not on PATH")
	}
	w := scratch(t, "exit 0")
	write(t, filepath.Join(w.ProjectDir, "go.mod"), "module x\n\ngo 1.25\n")
	write(t, filepath.Join(w.ProjectDir, "x.go"), "package main\n\nfunc main() { undefinedName() }\n")
	err := w.goBuild(context.Background(), w.ProjectDir, filepath.Join(w.CacheDir, "x"), ".")
	if err == nil || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error is %v, want the compiler's", err)
	}
}
