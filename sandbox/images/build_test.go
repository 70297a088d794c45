package machine

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

func key(t *testing.T, rec recipe, base string) string {
	t.Helper()
	key, err := rec.key(base)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAnImageIsCalledAfterAllThatGoesIntoIt(t *testing.T) {
	make := func() recipe {
		return recipe{
			kind: "x", files: map[string][]byte{"a": []byte("1"), "b": []byte("2")},
			mode: map[string]int64{"a": 0o755}, args: map[string]string{"K": "v"},
			programs: map[string]program{"p": {"p", fstest.MapFS{"main.go": {Data: []byte("package main")}}, "."}},
		}
	}
	first := key(t, make(), "base")
	if len(first) != 12 || key(t, make(), "base") != first {
		t.Fatalf("the key is %q, then %q", first, key(t, make(), "base"))
	}
	for what, change := range map[string]func(*recipe){
		"kind": func(r *recipe) { r.kind = "y" },
		"file": func(r *recipe) { r.files["a"] = []byte("3") },
		"name": func(r *recipe) { r.files["c"] = r.files["a"]; delete(r.files, "a") },
		"mode": func(r *recipe) { r.mode["a"] = 0o644 },
		"arg":  func(r *recipe) { r.args["K"] = "w" },
		"program": func(r *recipe) {
			r.programs["p"] = program{"p", fstest.MapFS{"main.go": {Data: []byte("package other")}}, "."}
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

func TestTestsAreNoPartOfAProgram(t *testing.T) {
	sources := fstest.MapFS{"main.go": {Data: []byte("package main")}, "main_test.go": {Data: []byte("package main")}}
	files, err := program{"p", sources, "."}.files()
	if err != nil || len(files) != 1 {
		t.Errorf("files are %v, %v", files, err)
	}
}

func TestProgramsAreBuiltFromTheirSources(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no Go here")
	}
	good := fstest.MapFS{"cmd/main.go": {Data: []byte("package main\n\nfunc main() {}\n")}}
	binary, err := program{"example", good, "cmd"}.build(context.Background())
	if err != nil || !bytes.HasPrefix(binary, []byte("\x7fELF")) {
		t.Errorf("built %d bytes: %v", len(binary), err)
	}
	bad := fstest.MapFS{"cmd/main.go": {Data: []byte("package main\n\nfunc main() { nowhere() }\n")}}
	if _, err := (program{"example", bad, "cmd"}).build(context.Background()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("the error is %v", err)
	}
}

func TestArchivesAreReproducible(t *testing.T) {
	files := map[string][]byte{"/etc/b": []byte("2"), "a": []byte("1")}
	read := func() []byte {
		packed, err := tarOf(files, map[string]int64{"a": 0o755})
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

func TestEveryImageHasItsDockerfile(t *testing.T) {
	kinds := []string{"node", "registry"}
	for _, s := range standIns() {
		kinds = append(kinds, s.recipe.kind)
	}
	for _, kind := range kinds {
		text := string(imageFiles(kind)["Dockerfile"])
		if !strings.Contains(text, "ARG BASE\nFROM ${BASE}\n") {
			t.Errorf("the %s's Dockerfile does not stand on the base:\n%s", kind, text)
		}
	}
}

func TestTheNodeBringsNoDocker(t *testing.T) {
	if text := string(imageFiles("node")["Dockerfile"]); strings.Contains(text, "docker.io") {
		t.Error("the node image installs Docker, which is the program's to do")
	}
}

func TestScriptsOfTheImagesAreShell(t *testing.T) {
	for kind, name := range map[string]string{
		"node": libDir + "boot", "registry": "serve", "rabbitmq": "docker-entrypoint.sh",
	} {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = bytes.NewReader(imageFiles(kind)[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s of the %s: %v: %s", name, kind, err, out)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			continue // where it is missing, sh has looked at least
		}
		cmd = exec.Command("shellcheck", "-")
		cmd.Stdin = bytes.NewReader(imageFiles(kind)[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s of the %s: %v: %s", name, kind, err, out)
		}
	}
}

func TestTheNodeTrustsTheSandboxesAuthority(t *testing.T) {
	r := room(t)
	rec := r.nodeRecipe(&authority{pem: []byte("the authority")})
	if got := rec.files["files/usr/local/share/ca-certificates/averazure-sandbox.crt"]; string(got) != "the authority" {
		t.Errorf("the certificate is %q", got)
	}
	if key(t, rec, "b") == key(t, r.nodeRecipe(&authority{pem: []byte("another")}), "b") {
		t.Error("another authority gives the same image")
	}
}

func TestABuildsErrorComesWithItsLastLines(t *testing.T) {
	stream := `{"stream":"Step 1"}{"stream":"E: Unable to locate package x\n"}{"error":"exit code 100"}`
	tail, err := streamEnd(strings.NewReader(stream))
	if err == nil || err.Error() != "exit code 100" || !strings.Contains(tail, "Unable to locate package x") {
		t.Errorf("the end is %q, %v", tail, err)
	}
	if _, err := streamEnd(strings.NewReader(`{"status":"Pushed"}`)); err != nil {
		t.Errorf("a good stream: %v", err)
	}
	if _, err := streamEnd(strings.NewReader(`{"stream":`)); err == nil {
		t.Error("a stream that is cut off is no error")
	}
}

func TestTheToolchainHasTheNetworkSettingsOfThisMachine(t *testing.T) {
	got := strings.Join(toolchainChanges(map[string]string{"GOPROXY": "https://proxy.example,direct", "GOROOT": "/x"}), "\n")
	if !strings.Contains(got, `ENV GOPROXY="https://proxy.example,direct"`) || !strings.Contains(got, "LABEL "+labelImage+"=golang") {
		t.Errorf("the changes are\n%s", got)
	}
	if strings.Contains(got, "GOFLAGS") || strings.Contains(got, "GOROOT") {
		t.Errorf("settings that are not set, or not the image's:\n%s", got)
	}
}

func TestTarballsAreNamedAfterTheImage(t *testing.T) {
	r := room(t)
	if got := r.tarball(imageRef("node", "0123456789ab")); got != r.cacheDir+"/images/node-0123456789ab.tar" {
		t.Errorf("the tarball is %s", got)
	}
}
