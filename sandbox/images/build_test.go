package images

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
)

func key(t *testing.T, rec Recipe, base string) string {
	t.Helper()
	key, err := rec.Key(base)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAnImageIsNamedAfterAllItsInputs(t *testing.T) {
	make := func() Recipe {
		return Recipe{
			Kind: "x", Files: map[string][]byte{"a": []byte("1"), "b": []byte("2")},
			Mode: map[string]int64{"a": 0o755}, Args: map[string]string{"K": "v"},
			Programs: map[string]Program{"p": {"p", fstest.MapFS{"main.go": {Data: []byte("package main")}}, "."}},
		}
	}
	first := key(t, make(), "base")
	if len(first) != 12 || key(t, make(), "base") != first {
		t.Fatalf("the key is %q, then %q", first, key(t, make(), "base"))
	}
	for what, change := range map[string]func(*Recipe){
		"kind": func(r *Recipe) { r.Kind = "y" },
		"file": func(r *Recipe) { r.Files["a"] = []byte("3") },
		"name": func(r *Recipe) { r.Files["c"] = r.Files["a"]; delete(r.Files, "a") },
		"mode": func(r *Recipe) { r.Mode["a"] = 0o644 },
		"arg":  func(r *Recipe) { r.Args["K"] = "w" },
		"program": func(r *Recipe) {
			r.Programs["p"] = Program{"p", fstest.MapFS{"main.go": {Data: []byte("package other")}}, "."}
		},
	} {
		changed := make()
		change(&changed)
		if key(t, changed, "base") == first {
			t.Errorf("another %s gives the same key", what)
		}
	}
	if key(t, make(), "other base") == first {
		t.Error("another base gives the same key")
	}
}

func TestTestsAreNotPartOfAProgram(t *testing.T) {
	sources := fstest.MapFS{"main.go": {Data: []byte("package main")}, "main_test.go": {Data: []byte("package main")}}
	files, err := Program{"p", sources, "."}.files()
	if err != nil || len(files) != 1 {
		t.Errorf("files are %v, %v", files, err)
	}
}

func TestProgramsAreBuiltFromTheirSources(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no Go here")
	}
	good := fstest.MapFS{"cmd/main.go": {Data: []byte("package main\n\nfunc main() {}\n")}}
	binary, err := Program{"example", good, "cmd"}.build(context.Background())
	if err != nil || !bytes.HasPrefix(binary, []byte("\x7fELF")) {
		t.Errorf("built %d bytes: %v", len(binary), err)
	}
	bad := fstest.MapFS{"cmd/main.go": {Data: []byte("package main\n\nfunc main() { nowhere() }\n")}}
	if _, err := (Program{"example", bad, "cmd"}).build(context.Background()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("the error is %v", err)
	}
}

func TestArchivesAreReproducible(t *testing.T) {
	files := map[string][]byte{"/etc/b": []byte("2"), "a": []byte("1")}
	read := func() []byte {
		packed, err := Tar(files, map[string]int64{"a": 0o755})
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(packed)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	first := read()
	if !bytes.Equal(first, read()) {
		t.Error("the same files give different archives")
	}
	archive := tar.NewReader(bytes.NewReader(first))
	for _, want := range []struct {
		name string
		mode int64
	}{{"etc/b", 0o644}, {"a", 0o755}} {
		header, err := archive.Next()
		if err != nil || header.Name != want.name || header.Mode != want.mode {
			t.Errorf("got %+v, %v; want %+v", header, err, want)
		}
	}
}

func TestABuildsErrorComesWithItsLastLines(t *testing.T) {
	stream := `{"stream":"Step 1"}{"stream":"E: Unable to locate package x\n"}{"error":"exit code 100"}`
	tail, err := StreamEnd(strings.NewReader(stream))
	if err == nil || err.Error() != "exit code 100" || !strings.Contains(tail, "Unable to locate package x") {
		t.Errorf("the end is %q, %v", tail, err)
	}
	if _, err := StreamEnd(strings.NewReader(`{"status":"Pushed"}`)); err != nil {
		t.Errorf("a good stream: %v", err)
	}
	if _, err := StreamEnd(strings.NewReader(`{"stream":`)); err == nil {
		t.Error("a stream that was cut off gave no error")
	}
}

func TestTarballsAreNamedAfterTheImage(t *testing.T) {
	b := builder(t)
	if got := b.tarball(Ref("node", "0123456789ab")); got != b.CacheDir+"/images/node-0123456789ab.tar" {
		t.Errorf("the tarball is %s", got)
	}
}
