package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// root is this repository. The tests change to another directory.
var root, _ = filepath.Abs("../..")

// place is a checkout of this program with nothing set up, and a world without anything.
type place struct {
	t     *testing.T
	world *world
	repo  string
}

// newPlace makes a place. It replaces set-image.sh with a quick stand-in unless the real
// script is asked for.
func newPlace(t *testing.T, real bool) *place {
	t.Helper()
	p := &place{t: t, world: newWorld(t), repo: t.TempDir()}
	bin := t.TempDir()
	for _, tool := range tools { // the world plays the tools, but setup checks that they are installed
		if _, err := exec.LookPath(tool.name); err != nil {
			write(t, filepath.Join(bin, tool.name), "#!/bin/sh\nexit 1\n")
		}
	}
	t.Setenv("PATH", os.Getenv("PATH")+":"+bin)
	for _, env := range []string{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(env, "a@example.org")
	}
	copied := []string{"Pulumi.yaml", "Pulumi.dev.yaml", stackFile}
	if real {
		if err := os.CopyFS(filepath.Join(p.repo, "repos"), os.DirFS(filepath.Join(root, "repos"))); err != nil {
			t.Fatal(err)
		}
	} else {
		write(t, filepath.Join(p.repo, "repos/code-repo/scripts/set-image.sh"),
			"#!/bin/sh\n[ -z \"$3\" ] && exec sed -n 's/^    image: \\(ghcr.*\\)/\\1/p' \"$1\"\nsed -i \"s#^    image: ghcr.*#    image: $3#\" \"$1\"\n")
	}
	for _, name := range copied {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(p.repo, name), string(text))
	}
	p.git("init", "--quiet", "--initial-branch", "main")
	p.git("add", ".")
	p.git("commit", "--quiet", "--message", "Begin")
	t.Chdir(p.repo)
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (p *place) git(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("git", append([]string{"-C", p.repo}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// run is one call of the program, with lines that a person types.
func (p *place) run(typed string, args ...string) (string, error) {
	cmd := command(p.world.run, time.Millisecond)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetIn(strings.NewReader(typed))
	cmd.SetArgs(append([]string{"--owner", "acme"}, args...))
	err := cmd.ExecuteContext(p.t.Context())
	return out.String(), err
}

func (p *place) mustRun(typed string, args ...string) string {
	p.t.Helper()
	out, err := p.run(typed, args...)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func (p *place) now() world { return *p.world }

var fromAnywhere = []string{"--ssh-from", "0.0.0.0/0"}

// pushed checks that each repository begins with its folder, and that the stack file names
// the image.
func (p *place) pushed() {
	p.t.Helper()
	w := p.now()
	for name, tree := range map[string]string{"averazure": "HEAD:", "code-repo": "HEAD:repos/code-repo", "stack-repo": "HEAD:repos/stack-repo"} {
		if got, want := p.git("--git-dir", w.Repos[name], "rev-parse", "main:"), p.git("rev-parse", tree); got != want {
			p.t.Errorf("main of %s has %s, want %s", name, got, want)
		}
	}
	file := p.git("--git-dir", w.Repos["stack-repo"], "show", "main:stack.yml")
	if !regexp.MustCompile(`(?m)^    image: ghcr\.io/acme/aver-api:latest$`).MatchString(file) || p.git("status", "--porcelain") != "" {
		p.t.Errorf("the stack file of stack-repo:\n%s", file)
	}
}

func (p *place) nothingIsLeftToDo() {
	p.t.Helper()
	before := p.now()
	p.mustRun("")
	if after := p.now(); after.Changes != before.Changes {
		p.t.Errorf("a second run changed: %q", after.Calls[len(before.Calls):])
	}
}

// up is what `pulumi up` and the first release leave behind.
func (p *place) up() {
	p.world.Outputs["deployerClientId"], p.world.Deployed = "client-1", true
}
