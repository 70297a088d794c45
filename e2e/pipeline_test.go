package e2e

import (
	"context"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"averazure/sandbox/azure"
)

// pipeline is the two repositories as a team has them: bare repositories that receive
// pushes, a developer's clone of each, and the Actions secrets and variables exactly as the
// program delivered them.
type pipeline struct {
	code, stack string // clones
	bare        map[string]string
	delivered   map[string]map[string]string
	image       string
	env         []string // the environment of this machine's Docker
}

// owner is the owner of the two repositories on the sandbox's GitHub.
const owner = "your-org"

func newPipeline(t *testing.T, owner string) *pipeline {
	t.Helper()
	p := &pipeline{bare: map[string]string{}, delivered: map[string]map[string]string{}, env: dockerEnv()}
	p.code, p.stack = p.repository(t, owner, "code-repo"), p.repository(t, owner, "stack-repo")
	p.image = p.delivered["code-repo"]["vars.IMAGE"]
	p.setImage(t, sourceTag(t))
	p.push(t, p.stack, "Run what the program built")
	p.putBack(t, p.head(t, "stack-repo"))
	return p
}

// dockerEnv points Docker's command line at the engine that the sandbox uses, which may
// lack buildx: the sandbox's own engine if it listens, otherwise the machine's. The
// socket's existence is not enough, because a killed engine leaves it behind.
func dockerEnv() []string {
	env := []string{"DOCKER_BUILDKIT=0"}
	if connection, err := net.Dial("unix", engineSocket); err == nil {
		connection.Close()
		env = append(env, "DOCKER_HOST=unix://"+engineSocket)
	}
	return env
}

// repository makes a bare repository from the checkout's files and returns a clone of it.
func (p *pipeline) repository(t *testing.T, owner, name string) string {
	t.Helper()
	dir := t.TempDir()
	bare, clone := filepath.Join(dir, name+".git"), filepath.Join(dir, name)
	git(t, dir, "init", "-q", "--bare", "-b", "main", bare)
	git(t, dir, "clone", "-q", bare, clone)
	if err := os.CopyFS(clone, os.DirFS(filepath.Join(box.project, "repos", name))); err != nil {
		t.Fatal(err)
	}
	p.push(t, clone, "Start")
	p.bare[name], p.delivered[name] = bare, deliveredTo(t, owner+"/"+name)
	return clone
}

// delivered are the repository's secrets and variables, by their names in expressions.
func delivered(t *testing.T, repository string) map[string]string {
	t.Helper()
	values := deliveredTo(t, owner+"/"+repository)
	if len(values) == 0 {
		t.Fatalf("nothing was delivered to %s", repository)
	}
	return values
}

// deliveredTo is delivered for a repository of any owner, which may have received nothing.
func deliveredTo(t *testing.T, repository string) map[string]string {
	t.Helper()
	d, err := azure.ReadDelivered(box.cloudFile(), repository)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for name, value := range d.Secrets {
		values["secrets."+name] = value
	}
	for name, value := range d.Variables {
		values["vars."+name] = value
	}
	for environment, has := range d.Environments {
		for name, value := range has.Secrets {
			values["environments."+environment+".secrets."+name] = value
		}
		if has.Rules {
			values["environments."+environment+".branches"] = strings.Join(has.Branches, " ")
		}
	}
	return values
}

// deployKey is the name under which stack-repo gets its key for the managers.
const deployKey = "environments.deploy.secrets.SSH_PRIVATE_KEY"

// push commits everything in the clone and pushes it.
func (p *pipeline) push(t *testing.T, clone, message string) {
	t.Helper()
	git(t, clone, "add", "-A")
	git(t, clone, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "-q", "-m", message)
	git(t, clone, "push", "-q", "origin", "HEAD:main")
}

func (p *pipeline) head(t *testing.T, repository string) string {
	t.Helper()
	return git(t, p.bare[repository], "rev-parse", "main")
}

// newRun is a run of a workflow for the commit.
func (p *pipeline) newRun(t *testing.T, repository, commit string) *runner {
	t.Helper()
	values := maps.Clone(p.delivered[repository])
	values["github.sha"] = commit
	r := &runner{dir: t.TempDir(), bare: p.bare, values: values, env: p.env, log: &transcript{}}
	if err := os.Mkdir(r.workspace(), 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

// jobTime limits a run; the workflows themselves have 20 and 35 minutes.
const jobTime = 5 * time.Minute

// release runs code-repo's pipeline for the commit.
func (p *pipeline) release(r *runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), jobTime)
	defer cancel()
	return r.run(ctx, "code-repo", "build.yml", "release")
}

// deploy runs stack-repo's pipeline for the commit.
func (p *pipeline) deploy(r *runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), jobTime)
	defer cancel()
	return r.run(ctx, "stack-repo", "deploy.yml", "deploy")
}

// mustRelease and mustDeploy run the pipelines for what was pushed last.
func (p *pipeline) mustRelease(t *testing.T) *runner {
	t.Helper()
	r := p.newRun(t, "code-repo", p.head(t, "code-repo"))
	if err := p.release(r); err != nil {
		t.Fatalf("code-repo's pipeline: %v\n%s", err, r.log)
	}
	return r
}

func (p *pipeline) mustDeploy(t *testing.T) *runner {
	t.Helper()
	r := p.newRun(t, "stack-repo", p.head(t, "stack-repo"))
	if err := p.deploy(r); err != nil {
		t.Fatalf("stack-repo's pipeline: %v\n%s", err, r.log)
	}
	return r
}

// putBack makes the test's end restore what the shared sandbox runs, and what its registry
// has as "latest".
func (p *pipeline) putBack(t *testing.T, commit string) {
	t.Helper()
	tag, before := p.image+":"+sourceTag(t), runningDigest(t)
	r := p.newRun(t, "stack-repo", commit)
	t.Cleanup(func() {
		if runningDigest(t) != before {
			git(t, p.bare["stack-repo"], "update-ref", "refs/heads/main", commit) // the branch's current state is what is deployed
			if err := p.deploy(r); err != nil {
				t.Errorf("put the sandbox back: %v\n%s", err, r.log)
			}
		}
		d := p.delivered["code-repo"]
		login := r.command(context.Background(), nil, d["secrets.GHCR_TOKEN"], "docker", "login",
			"--username", d["vars.REGISTRY_USERNAME"], "--password-stdin", d["vars.REGISTRY"])
		for _, args := range [][]string{{"pull", "-q", tag}, {"tag", tag, p.image + ":latest"}, {"push", "-q", p.image + ":latest"}} {
			if err := r.command(context.Background(), nil, "", "docker", args...); err != nil || login != nil {
				t.Errorf("put the registry back: %v, %v\n%s", login, err, r.log)
			}
		}
	})
}

func runningDigest(t *testing.T) string {
	t.Helper()
	_, digest, _ := strings.Cut(box.exec(t, "aver-manager", "docker", "service", "inspect", "aver_api",
		"--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}"), "@")
	return digest
}

// greeting is the text with which the sample API answers as shipped.
const greeting = "Hello from aver"

// say changes the text of the API and of its test in the developer's clone of code-repo,
// and pushes the change.
func (p *pipeline) say(t *testing.T, text string) {
	t.Helper()
	files := strings.Fields(git(t, p.code, "grep", "-lE", greeting, "--", "*.go"))
	for _, name := range files {
		p.edit(t, filepath.Join(p.code, name), greeting, text)
	}
	p.push(t, p.code, "Say "+text)
}

// edit replaces a text in a file, and fails if the file does not contain it.
func (p *pipeline) edit(t *testing.T, file, old, replacement string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(content), old, replacement)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// setImage writes the application's tag into the clone of stack-repo.
func (p *pipeline) setImage(t *testing.T, tag string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(p.code, "scripts/set-image.sh"),
		filepath.Join(p.stack, "stack.yml"), "api", p.image+":"+tag).CombinedOutput()
	if err != nil {
		t.Fatalf("set-image.sh: %v\n%s", err, out)
	}
}
