package engine

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// program puts a script on PATH.
func program(t *testing.T, name, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

const updateFails = `case "$*" in *update*) echo "E: a source of somebody's"; exit 100;; esac`

var wanted = map[string]string{"no-such-program-xyz": "xyz"}

func TestABrokenSourceCountsOnlyWhenTheInstallationFails(t *testing.T) {
	opts := Options{CacheDir: t.TempDir(), Log: silent}
	program(t, "apt-get", updateFails)
	if err := Install(context.Background(), opts, wanted); err != nil {
		t.Error(err)
	}
	program(t, "apt-get", updateFails+"; exit 1")
	err := Install(context.Background(), opts, wanted)
	if err == nil || !strings.Contains(err.Error(), "a source of somebody's") || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("the error is %v", err)
	}
}

func TestAPackageIsInstalledToItsEnd(t *testing.T) {
	dir := program(t, "apt-get", `sleep 0.5; echo "$*" >> "$(dirname "$0")/done"`)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := apt(ctx, "install"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		t.Error("apt was ended half-way")
	}
	if err := apt(ctx, "install"); err == nil {
		t.Error("an installation begins after the end")
	}
}

func TestInstalledPackagesAreRecorded(t *testing.T) {
	cache, info := t.TempDir(), t.TempDir()
	program(t, "apt-get", "true")
	if got := Installed(cache, info); got != nil {
		t.Errorf("%v was installed before anything was", got)
	}
	for program, pkg := range map[string]string{"no-such-program-abc": "abc", "no-such-program-xyz": "xyz"} {
		if err := Install(context.Background(), Options{CacheDir: cache, Log: silent}, map[string]string{program: pkg, "sh": "dash"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, pkg := range []string{"abc", "xyz"} {
		if err := os.WriteFile(filepath.Join(info, pkg+".list"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := Installed(cache, info); !reflect.DeepEqual(got, []string{"abc", "xyz"}) {
		t.Errorf("installed are %v", got)
	}
	if err := os.Remove(filepath.Join(info, "abc.list")); err != nil {
		t.Fatal(err)
	}
	if got := Installed(cache, info); !reflect.DeepEqual(got, []string{"xyz"}) {
		t.Errorf("a purged package is still named: %v", got)
	}
}
