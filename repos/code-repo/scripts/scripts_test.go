package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const stackFile = `# services of the application
services:
  db:
    image: redis:7   # not ours
    labels:
      image: ghcr.io/acme/aver-api:1111111
  "api":
    labels: {a: b}
    image: "ghcr.io/acme/aver-api:latest" # the pipeline sets this
    deploy:
      image: nested
networks:
  api:
    image: nonsense
`

func run(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = dir
	command.Env = append(append(os.Environ(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.org", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.org"), env...)
	output, err := command.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	output, err := run(t, dir, nil, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args, err, output)
	}
	return output
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSetImageChangesOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stack.yml")
	put(t, path, stackFile)
	if output, err := run(t, ".", nil, script(t, "set-image.sh"), path, "api", "ghcr.io/acme/aver-api:abcdef0"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	want := strings.Replace(stackFile, `image: "ghcr.io/acme/aver-api:latest" #`, `image: "ghcr.io/acme/aver-api:abcdef0" #`, 1)
	if got := get(t, path); got != want {
		t.Errorf("got:\n%s", got)
	}
	if output := must(t, ".", script(t, "set-image.sh"), path, "api"); output != "ghcr.io/acme/aver-api:abcdef0" {
		t.Errorf("shows %q", output)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSetImageRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stack.yml")
	put(t, path, stackFile)
	for name, args := range map[string][]string{
		"unknown service":  {path, "web", "a/b:c"},
		"network's name":   {path, "networks", "a/b:c"},
		"shell in service": {path, "api;id", "a/b:c"},
		"newline in image": {path, "api", "a/b:c\nx: y"},
		"no file":          {path + "x", "api", "a/b:c"},
		"no arguments":     {path},
	} {
		if output, err := run(t, ".", nil, script(t, "set-image.sh"), args...); err == nil {
			t.Errorf("%s was accepted: %s", name, output)
		}
	}
	if get(t, path) != stackFile {
		t.Error("a refused call changed the file")
	}
}

func TestBuildTagsAndPushesBoth(t *testing.T) {
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	put(t, filepath.Join(bin, "docker"), "#!/bin/sh\necho \"$*\" >>"+log+"\n")
	if err := os.Chmod(filepath.Join(bin, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	commit := strings.Repeat("abcdef0", 6)[:40]
	command := exec.Command(script(t, "build.sh"))
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "IMAGE=ghcr.io/acme/aver-api", "COMMIT="+commit)
	output, err := command.Output()
	if err != nil || strings.TrimSpace(string(output)) != "ghcr.io/acme/aver-api:abcdef0" {
		t.Fatalf("%v: %s", err, output)
	}
	lines := strings.Split(strings.TrimSpace(get(t, log)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "-t ghcr.io/acme/aver-api:abcdef0 -t ghcr.io/acme/aver-api:latest") ||
		lines[1] != "push ghcr.io/acme/aver-api:abcdef0" || lines[2] != "push ghcr.io/acme/aver-api:latest" {
		t.Errorf("docker was called with:\n%s", strings.Join(lines, "\n"))
	}
}

// On ghcr.io the workflow's token is refused where somebody else has pushed first.
func TestBuildSaysWhatToDoWhenThePushIsRefused(t *testing.T) {
	bin := t.TempDir()
	put(t, filepath.Join(bin, "docker"), "#!/bin/sh\n[ \"$1\" != push ] || { echo 'denied: permission_denied: write_package' >&2; exit 1; }\n")
	if err := os.Chmod(filepath.Join(bin, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	for image, advice := range map[string]bool{"ghcr.io/acme/aver-api": true, "registry.example/acme/aver-api": false} {
		output, err := run(t, ".", []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "IMAGE=" + image, "COMMIT=abcdef0"}, script(t, "build.sh"))
		if err == nil || !strings.Contains(output, "write_package") || strings.Contains(output, "Manage Actions access") != advice {
			t.Errorf("%s: %v\n%s", image, err, output)
		}
	}
}
