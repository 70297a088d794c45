package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machineOf emulates a machine with a file for forwarding and a chain FORWARD.
func machineOf(t *testing.T) (calls string) {
	t.Helper()
	dir := t.TempDir()
	oldForward, oldFiles := forwardFile, engineFiles
	t.Cleanup(func() { forwardFile, engineFiles = oldForward, oldFiles })
	forwardFile = filepath.Join(dir, "ip_forward")
	engineFiles = []string{filepath.Join(dir, "docker", "key.json"), filepath.Join(dir, "docker")}
	bin := program(t, "iptables", `d=$(dirname "$0"); case "$*" in *-S*) echo "-P FORWARD $(cat $d/policy)";; *) echo "$*" >> $d/calls;; esac`)
	program(t, "ip6tables", "exit 1") // a machine without a working ip6tables
	change(t, forwardFile, "0\n")
	change(t, filepath.Join(bin, "policy"), "ACCEPT")
	return bin
}

func change(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChangesByTheEngineArePutBack(t *testing.T) {
	bin := machineOf(t)
	note := filepath.Join(t.TempDir(), "before.json")
	ctx := context.Background()
	if err := noteTraces(ctx, note); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(engineFiles[1], 0o700); err != nil {
		t.Fatal(err)
	}
	change(t, engineFiles[0], "{}")
	change(t, forwardFile, "1\n")
	change(t, filepath.Join(bin, "policy"), "DROP")
	if err := noteTraces(ctx, note); err != nil { // a killed engine is started again
		t.Fatal(err)
	}
	restoreTraces(ctx, note)
	if text, _ := os.ReadFile(forwardFile); string(text) != "0" {
		t.Errorf("the machine still forwards: %q", text)
	}
	if text, _ := os.ReadFile(filepath.Join(bin, "calls")); !strings.Contains(string(text), "-P FORWARD ACCEPT") {
		t.Errorf("the policy is not put back: %q", text)
	}
	for _, file := range append(engineFiles, note) {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is left", file)
		}
	}
}

func TestWithoutANoteNothingIsTouched(t *testing.T) {
	bin := machineOf(t)
	change(t, forwardFile, "1\n")
	restoreTraces(context.Background(), filepath.Join(t.TempDir(), "none"))
	if text, _ := os.ReadFile(forwardFile); string(text) != "1\n" {
		t.Errorf("forwarding was set to %q", text)
	}
	if _, err := os.Stat(filepath.Join(bin, "calls")); err == nil {
		t.Error("the policy was set")
	}
}

func TestEarlierFilesStay(t *testing.T) {
	machineOf(t)
	note := filepath.Join(t.TempDir(), "before.json")
	change(t, forwardFile, "1\n")
	if err := os.Mkdir(engineFiles[1], 0o700); err != nil {
		t.Fatal(err)
	}
	change(t, engineFiles[0], "{}")
	if err := noteTraces(context.Background(), note); err != nil {
		t.Fatal(err)
	}
	restoreTraces(context.Background(), note)
	if _, err := os.Stat(engineFiles[0]); err != nil {
		t.Error("the machine's own key is gone")
	}
	if text, _ := os.ReadFile(forwardFile); string(text) != "1\n" {
		t.Errorf("forwarding was set to %q", text)
	}
}
