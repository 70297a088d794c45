package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestANameStaysInsideTheStatesDirectory(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "-a", "A", "a b", strings.Repeat("a", 32)} {
		root := rootCommand() // no verb runs here: a fault would remove what it should not
		if err := root.ParseFlags([]string{"--name=" + bad}); err != nil {
			t.Fatal(err)
		}
		if err := root.PersistentPreRunE(root, nil); err == nil || !strings.Contains(err.Error(), "--name") {
			t.Errorf("--name %q: the error is %v", bad, err)
		}
	}
	for _, good := range []string{"sandbox", "test", "2nd", "a-b"} {
		if err := validName(good); err != nil {
			t.Error(err)
		}
	}
}

func TestDownRemovesNothingUnderACommandAtWork(t *testing.T) {
	d := dirs{state: filepath.Join(t.TempDir(), ".sandbox", "x"), cache: t.TempDir()}
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	lock, err := takeLock(d)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	err = takeDown(t.Context(), &options{name: "x"}, d)
	if err == nil || !strings.Contains(err.Error(), "another command is at work") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(d.state); err != nil {
		t.Error("the state is gone")
	}
}

func TestTheLastStateTakesItsDirectoryAlong(t *testing.T) {
	root := filepath.Join(t.TempDir(), ".sandbox")
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeState(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "b")); err != nil {
		t.Error("another sandbox's state is gone")
	}
	for range 2 { // once more is no error
		if err := removeState(filepath.Join(root, "b")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("an empty directory is left")
	}
}
