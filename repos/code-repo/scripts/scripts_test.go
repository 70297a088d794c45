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
	want := strings.Replace(stackFile, `image: "ghcr.io/acme/aver-api:latest" #`, `image: ghcr.io/acme/aver-api:abcdef0 #`, 1)
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

// repos makes a code-repo with the scripts and two commits in it, and a bare
// stack-repo with a clone. It returns the clone, the bare repository and the
// environment of release.sh for a commit.
type repos struct {
	t                 *testing.T
	code, bare, clone string
	first, second     string
}

func newRepos(t *testing.T) *repos {
	dir := t.TempDir()
	r := &repos{t: t, code: filepath.Join(dir, "code"), bare: filepath.Join(dir, "stack.git"), clone: filepath.Join(dir, "stack")}
	must(t, ".", "git", "init", "-q", "-b", "main", r.code)
	must(t, ".", "cp", "-r", script(t, "."), filepath.Join(r.code, "scripts"))
	must(t, r.code, "git", "add", ".")
	must(t, r.code, "git", "commit", "-qm", "one")
	r.first = must(t, r.code, "git", "rev-parse", "HEAD")
	must(t, r.code, "git", "commit", "-qm", "two", "--allow-empty")
	r.second = must(t, r.code, "git", "rev-parse", "HEAD")

	must(t, ".", "git", "init", "-q", "--bare", "-b", "main", r.bare)
	must(t, ".", "git", "clone", "-q", r.bare, r.clone)
	put(t, filepath.Join(r.clone, "stack.yml"), stackFile)
	must(t, r.clone, "git", "add", ".")
	must(t, r.clone, "git", "commit", "-qm", "stack")
	must(t, r.clone, "git", "push", "-q", "origin", "HEAD:main")
	return r
}

func (r *repos) release(commit, clone string) (string, error) {
	return run(r.t, r.code, []string{"IMAGE=ghcr.io/acme/aver-api", "COMMIT=" + commit, "STACK_DIR=" + clone}, "scripts/release.sh")
}

func (r *repos) image() string {
	for _, line := range strings.Split(must(r.t, r.bare, "git", "show", "main:stack.yml"), "\n") {
		if strings.Contains(line, "pipeline sets this") {
			return strings.Fields(line)[1]
		}
	}
	return ""
}

func (r *repos) commits() string { return must(r.t, r.bare, "git", "rev-list", "--count", "main") }

func TestReleaseCommitsOnceAndOnlyTheImage(t *testing.T) {
	r := newRepos(t)
	if output, err := r.release(r.first, r.clone); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if want := "ghcr.io/acme/aver-api:" + r.first[:7]; r.image() != want {
		t.Errorf("image %s, want %s", r.image(), want)
	}
	if stat := must(t, r.bare, "git", "diff", "--numstat", "main~1", "main"); stat != "1\t1\tstack.yml" {
		t.Errorf("changed %q", stat)
	}
	if output, err := r.release(r.first, r.clone); err != nil || !strings.Contains(output, "already names") || r.commits() != "2" {
		t.Errorf("a second time: %v, %s commits\n%s", err, r.commits(), output)
	}
}

func TestReleaseNeverGoesBackByItself(t *testing.T) {
	r := newRepos(t)
	if output, err := r.release(r.second, r.clone); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	output, err := r.release(r.first, r.clone)
	if err != nil || !strings.Contains(output, "a later commit") || !strings.HasSuffix(r.image(), r.second[:7]) {
		t.Errorf("the slower pipeline of an earlier commit: %v, now %s\n%s", err, r.image(), output)
	}
	// Somebody rolls back by reverting in stack-repo; the next push goes on.
	must(t, r.clone, "git", "fetch", "-q")
	must(t, r.clone, "git", "checkout", "-q", "origin/main")
	must(t, r.clone, "git", "revert", "--no-edit", "HEAD")
	must(t, r.clone, "git", "push", "-q", "origin", "HEAD:main")
	if output, err := r.release(r.second, r.clone); err != nil || !strings.HasSuffix(r.image(), r.second[:7]) {
		t.Errorf("after a revert: %v\n%s", err, output)
	}
}

func TestReleaseSurvivesAConcurrentPush(t *testing.T) {
	r := newRepos(t)
	// The hook stands for somebody who pushes between our fetch and our push.
	other := r.clone + "-other"
	must(t, ".", "git", "clone", "-q", r.bare, other)
	hook := filepath.Join(r.bare, "hooks", "pre-receive")
	put(t, hook, "#!/bin/sh\nrm -f \"$0\"\nunset GIT_QUARANTINE_PATH GIT_DIR\ncd "+other+" && echo x >README && git add README && git commit -qm other && git push -q "+r.bare+" HEAD:main\n")
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	output, err := r.release(r.first, r.clone)
	if err != nil || !strings.Contains(output, "attempt 1 of") || !strings.HasSuffix(r.image(), r.first[:7]) {
		t.Fatalf("%v, now %s\n%s", err, r.image(), output)
	}
	if readme := must(t, r.bare, "git", "show", "main:README"); readme != "x" {
		t.Errorf("the other push was lost: %q", readme)
	}
}

func TestReleaseGivesUp(t *testing.T) {
	r := newRepos(t)
	hook := filepath.Join(r.bare, "hooks", "pre-receive")
	put(t, hook, "#!/bin/sh\necho 'branch is protected' >&2\nexit 1\n")
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	output, err := run(t, r.code, []string{"IMAGE=ghcr.io/acme/aver-api", "COMMIT=" + r.first, "STACK_DIR=" + r.clone, "ATTEMPTS=1"}, "scripts/release.sh")
	if err == nil || !strings.Contains(output, "branch is protected") || !strings.Contains(output, "1 attempts") {
		t.Errorf("%v\n%s", err, output)
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
