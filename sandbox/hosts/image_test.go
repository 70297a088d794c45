package hosts

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"averazure/sandbox/images"
)

func key(t *testing.T, rec images.Recipe, base string) string {
	t.Helper()
	key, err := rec.Key(base)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestEveryImageHasItsDockerfile(t *testing.T) {
	for _, kind := range []string{"node", "registry"} {
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
		"node": libDir + "boot", "registry": "serve",
	} {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = bytes.NewReader(imageFiles(kind)[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s of the %s: %v: %s", name, kind, err, out)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			continue // shellcheck is not installed; sh has already checked the syntax
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
	if got := rec.Files["files/usr/local/share/ca-certificates/averazure-sandbox.crt"]; string(got) != "the authority" {
		t.Errorf("the certificate is %q", got)
	}
	if key(t, rec, "b") == key(t, r.nodeRecipe(&authority{pem: []byte("another")}), "b") {
		t.Error("another authority gives the same image")
	}
}
