package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkout makes a project with a program that prints which of two source files it was
// compiled from.
func checkout(t *testing.T, mod string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/project\n\n"+mod)
	write(t, dir, "cmd/stackctl/main.go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(word) }\n")
	write(t, dir, "cmd/stackctl/plain.go", "//go:build !other && !amd64.v2\n\npackage main\n\nconst word = \"plain\"\n")
	write(t, dir, "cmd/stackctl/other.go", "//go:build other || amd64.v2\n\npackage main\n\nconst word = \"other\"\n")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pinned is the Go version of this project, so that the tests need no other one.
func pinned(t *testing.T) string {
	t.Helper()
	version, err := toolchain("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	return "go 1.25.0\n\ntoolchain " + version + "\n"
}

// others are settings of Go that change the bytes of the compiled program.
var others = map[string]string{
	"GOFLAGS": "-tags=other", "GOAMD64": "v3", "GOARCH": "arm64", "GOOS": "darwin", "CGO_ENABLED": "1",
	"GOEXPERIMENT": "nodwarf5", "GOFIPS140": "latest", "GOWORK": "/nowhere/go.work", "GOTOOLCHAIN": "go1.99.0",
}

// Two checkouts by two people give the same bytes, whatever they have set for Go in
// the environment or with `go env -w`.
func TestSameSourcesSameBytes(t *testing.T) {
	one, err := Stackctl(context.Background(), checkout(t, pinned(t)))
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	for name, value := range others {
		file += name + "=" + value + "\n"
		t.Setenv(name, "") // registers the restoring of the present value
		os.Unsetenv(name)
	}
	t.Run("go env -w", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "go/env", file)
		t.Setenv("XDG_CONFIG_HOME", dir)
		same(t, one)
	})
	t.Run("environment", func(t *testing.T) {
		for name, value := range others {
			t.Setenv(name, value)
		}
		same(t, one)
	})
}

func same(t *testing.T, one Binary) {
	t.Helper()
	if two, err := Stackctl(context.Background(), checkout(t, pinned(t))); err != nil || two != one {
		t.Errorf("%v, %v; want %v", two, err, one)
	}
}

func TestOtherSourcesOtherBytes(t *testing.T) {
	dir := checkout(t, pinned(t))
	one, err := Stackctl(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, one.Path))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Stackctl(context.Background(), dir)
	after, _ := os.Stat(filepath.Join(dir, one.Path))
	if err != nil || again != one || !os.SameFile(before, after) {
		t.Errorf("an unchanged program was written again: %v, %v", again, err)
	}
	write(t, dir, "cmd/stackctl/plain.go", "package main\n\nconst word = \"changed\"\n")
	write(t, dir, "cmd/stackctl/other.go", "package main\n")
	changed, err := Stackctl(context.Background(), dir)
	after, _ = os.Stat(filepath.Join(dir, one.Path))
	if err != nil || changed.SHA256 == one.SHA256 || os.SameFile(before, after) {
		t.Errorf("a changed one is not a new file: %v, %v", changed, err)
	}
}

func TestErrorsSayWhatCannotBeCompiled(t *testing.T) {
	dir := checkout(t, pinned(t))
	write(t, dir, "cmd/stackctl/plain.go", "package main\n\nconst word = nothing\n")
	for want, err := range map[string]error{
		"plain.go:3:14: undefined: nothing": stackctl(dir),
		"/go.mod ":                          stackctl(checkout(t, "")),
		"/go.mod: ":                         stackctl(t.TempDir()),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "stackctl") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func stackctl(dir string) error {
	_, err := Stackctl(context.Background(), dir)
	return err
}

func TestToolchainIsThatOfGoMod(t *testing.T) {
	for mod, want := range map[string]string{"go 1.25.11\n": "go1.25.11", "go 1.25.11\n\ntoolchain go1.26.8\n": "go1.26.8"} {
		if got, err := toolchain(filepath.Join(checkout(t, mod), "go.mod")); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", mod, got, err, want)
		}
	}
}

// BenchmarkUnchanged measures how long a preview takes for stackctl when nothing changed.
func BenchmarkUnchanged(b *testing.B) {
	for b.Loop() {
		if _, err := Stackctl(b.Context(), "../.."); err != nil {
			b.Fatal(err)
		}
	}
}
