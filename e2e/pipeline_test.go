package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"averazure/sandbox/azure"
)

// pipeline is the two repositories as a team has them: bare ones that are
// pushed to, a clone of each, and the Actions secrets and variables exactly as
// the program delivered them.
type pipeline struct {
	dir         string
	code, stack string // clones
	codeEnv     []string
	stackEnv    []string
	image       string
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{dir: t.TempDir()}
	code, stack := delivered(t, "code-repo"), delivered(t, "stack-repo")
	p.codeEnv, p.stackEnv, p.image = environment(code), environment(stack), code.Variables["IMAGE"]
	p.code, p.stack = p.repository(t, "code-repo"), p.repository(t, "stack-repo")
	p.login(t, code)
	p.script(t, p.code, p.codeEnv, "scripts/set-image.sh", filepath.Join(p.stack, "stack.yml"), "api", p.image+":"+sourceTag(t))
	p.commit(t, p.stack, "Run what the program built")
	return p
}

func delivered(t *testing.T, repository string) azure.Delivered {
	t.Helper()
	d, err := azure.ReadDelivered(filepath.Join(box.stateDir(), "cloud.json"), repository)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Secrets) == 0 || len(d.Variables) == 0 {
		t.Fatalf("nothing was delivered to %s", repository)
	}
	return d
}

func environment(d azure.Delivered) []string {
	var env []string
	for _, values := range []map[string]string{d.Secrets, d.Variables} {
		for name, value := range values {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// repository makes a bare repository of what the checkout holds and returns a
// clone of it.
func (p *pipeline) repository(t *testing.T, name string) string {
	t.Helper()
	bare, clone := filepath.Join(p.dir, name+".git"), filepath.Join(p.dir, name)
	git(t, p.dir, "init", "-q", "--bare", "-b", "main", bare)
	git(t, p.dir, "clone", "-q", bare, clone)
	if err := os.CopyFS(clone, os.DirFS(filepath.Join(box.project, "repos", name))); err != nil {
		t.Fatal(err)
	}
	p.commit(t, clone, "Start")
	return clone
}

// commit commits everything in the clone, pushes it and returns its SHA.
func (p *pipeline) commit(t *testing.T, clone, message string) string {
	t.Helper()
	git(t, clone, "checkout", "-q", "-B", "main")
	git(t, clone, "add", "-A")
	git(t, clone, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "-q", "--allow-empty", "-m", message)
	git(t, clone, "push", "-q", "origin", "HEAD:main")
	return git(t, clone, "rev-parse", "HEAD")
}

// login does what the workflow's login action does, into a directory of the
// test's own.
func (p *pipeline) login(t *testing.T, d azure.Delivered) {
	t.Helper()
	p.codeEnv = append(p.codeEnv, "DOCKER_CONFIG="+filepath.Join(p.dir, "docker"), "DOCKER_BUILDKIT=0")
	if _, err := os.Stat(engineSocket); err == nil {
		p.codeEnv = append(p.codeEnv, "DOCKER_HOST=unix://"+engineSocket)
	}
	cmd := exec.CommandContext(t.Context(), "docker", "login", "-u", d.Variables["REGISTRY_USERNAME"], "--password-stdin", d.Variables["REGISTRY"])
	cmd.Env, cmd.Stdin = append(os.Environ(), p.codeEnv...), strings.NewReader(d.Secrets["GHCR_TOKEN"])
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker login: %v\n%s", err, out)
	}
	// The sandbox is shared: "latest" has to be what the program pushed again.
	tag := sourceTag(t)
	t.Cleanup(func() {
		p.docker(t, "tag", p.image+":"+tag, p.image+":latest")
		p.docker(t, "push", "-q", p.image+":latest")
	})
}

func (p *pipeline) docker(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), p.codeEnv...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("docker %s: %v\n%s", args[0], err, out)
	}
}

// script runs one of the workflows' own scripts and fails with its output.
func (p *pipeline) script(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	out, err := p.tryScript(dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return out
}

func (p *pipeline) tryScript(dir string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, name), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// greeting is what the sample API says as it ships.
const greeting = "Hello from aver"

// say changes the API's text in code-repo and returns the commit.
func (p *pipeline) say(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(p.code, git(t, p.code, "grep", "-l", greeting, "--", "*.go", ":!*_test.go"))
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(content), greeting, text)
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	return p.commit(t, p.code, "Say "+text)
}

// release runs code-repo's workflow: build, push, tell stack-repo.
func (p *pipeline) release(t *testing.T, commit string) {
	t.Helper()
	env := append([]string{"COMMIT=" + commit, "STACK_DIR=" + p.stack}, p.codeEnv...)
	p.script(t, p.code, env, "scripts/build.sh")
	p.script(t, p.code, env, "scripts/release.sh")
}

// deploy runs stack-repo's workflow on what was pushed last.
func (p *pipeline) deploy(t *testing.T) (string, error) {
	t.Helper()
	git(t, p.stack, "fetch", "-q", "origin", "main")
	git(t, p.stack, "checkout", "-q", "--detach", "FETCH_HEAD")
	return p.tryScript(p.stack, p.stackEnv, "scripts/deploy.sh")
}

func (p *pipeline) mustDeploy(t *testing.T) {
	t.Helper()
	if out, err := p.deploy(t); err != nil {
		t.Fatalf("deploy: %v\n%s", err, out)
	}
}
