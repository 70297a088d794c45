package hub

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"averazure/sandbox/engine/enginetest"
	"averazure/sandbox/images"
)

// TestReadmeNamesTheImagesThatThereAre checks the README's section about images.
func TestReadmeNamesTheImagesThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Images\n")
	section, _, _ = strings.Cut(section, "\n## ")
	names := Names()
	for _, want := range append(names, ":5001/library/") {
		if !strings.Contains(section, want) {
			t.Errorf("it does not name %s", want)
		}
	}
	if len(names) != len(standIns()) || len(names) == 0 {
		t.Errorf("the stand-ins are %q", names)
	}
}

func TestAFailedPushForgetsTheName(t *testing.T) {
	fake, docker := enginetest.New(t)
	b := &images.Builder{Docker: docker, CacheDir: t.TempDir(), Log: t.Logf}
	fake.Failing["POST /images/198.51.100.2:5001/library/x/push"] = 500
	err := push(t.Context(), b, "averazure-sandbox/x:1", "198.51.100.2:5001/library/x:latest")
	if err == nil || !strings.Contains(err.Error(), "push 198.51.100.2:5001/library/x:latest") {
		t.Errorf("the error is %v", err)
	}
	fake.MustChange(t, "POST /images/averazure-sandbox/x:1/tag", "DELETE /images/198.51.100.2:5001/library/x:latest")
}

func TestAPulledGoImageIsLeftAlone(t *testing.T) {
	fake, docker := enginetest.New(t)
	b := &images.Builder{Docker: docker, CacheDir: t.TempDir(), Log: t.Logf}
	fake.Answers["GET /images/"+GoImage+"/json"] = map[string]any{"Id": "i", "Config": map[string]any{}}
	if err := Go(t.Context(), b, images.Base{}); err != nil || len(fake.Changes) != 0 {
		t.Errorf("changes are %v, %v", fake.Changes, err)
	}
}

func TestTheToolchainHasTheNetworkSettingsOfThisMachine(t *testing.T) {
	got := strings.Join(changes(map[string]string{"GOPROXY": "https://proxy.example,direct", "GOROOT": "/x"}), "\n")
	if !strings.Contains(got, `ENV GOPROXY="https://proxy.example,direct"`) || !strings.Contains(got, "LABEL "+images.Label+"=golang") {
		t.Errorf("the changes are\n%s", got)
	}
	if strings.Contains(got, "GOFLAGS") || strings.Contains(got, "GOROOT") {
		t.Errorf("settings that are not set, or not the image's:\n%s", got)
	}
}

func TestEveryImageIsBuiltOnTheBase(t *testing.T) {
	for _, s := range standIns() {
		if text := string(s.recipe.Files["Dockerfile"]); !strings.Contains(text, "ARG BASE\nFROM ${BASE}\n") {
			t.Errorf("the Dockerfile of %s does not:\n%s", s.recipe.Kind, text)
		}
	}
}

func TestTheEntryPointIsShell(t *testing.T) {
	for kind, name := range map[string]string{"rabbitmq": "docker-entrypoint.sh"} {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = bytes.NewReader(images.Files(embedded, kind)[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s of the %s: %v: %s", name, kind, err, out)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			continue // without shellcheck, sh has checked the syntax
		}
		cmd = exec.Command("shellcheck", "-")
		cmd.Stdin = bytes.NewReader(images.Files(embedded, kind)[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s of the %s: %v: %s", name, kind, err, out)
		}
	}
}
