// Package repos holds the two other repositories; its tests run what their
// pipelines run and hold their workflows to a few rules.
package repos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bench is a place to run a script of stack-repo in, with stand-ins for the
// programs that it calls.
type bench struct {
	t   *testing.T
	dir string
	env []string
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	b := &bench{t: t, dir: dir, env: []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir,
		"MANAGER_IP=203.0.113.10", "MANAGER_HOST_KEY=ssh-ed25519 AAAAmanager", "SSH_PRIVATE_KEY=the-key-itself",
		"GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	}}
	b.write("stack.yml", "services: {}\n", 0o644)
	return b
}

func (b *bench) write(name, content string, mode os.FileMode) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), mode); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(name string) string {
	content, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(content)
}

// run runs a script of stack-repo and returns its output and exit status.
func (b *bench) run(script string, env ...string) (string, int) {
	b.t.Helper()
	path, err := filepath.Abs(filepath.Join("stack-repo", "scripts", script))
	if err != nil {
		b.t.Fatal(err)
	}
	command := exec.Command(path)
	command.Dir, command.Env = b.dir, append(b.env, env...)
	output, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		b.t.Fatal(err)
	}
	return string(output), command.ProcessState.ExitCode()
}

// fakeSSH records how it was called and what it could see, then ends as told.
const fakeSSH = `#!/bin/bash
printf '%%s\n' "$@" >"$HOME/arguments"
cat >"$HOME/stdin"
env >"$HOME/environment"
while [[ $# -gt 0 ]]; do
  case $1 in
    -i) cp "$2" "$HOME/key"; stat -c '%%a %%a' "$2" >"$HOME/mode" ;;
    UserKnownHostsFile=*) cp "${1#*=}" "$HOME/known_hosts" ;;
  esac
  shift
done
printf '%s'
exit %d
`

func TestDeployVerifiesTheHostAndHidesTheKey(t *testing.T) {
	b := newBench(t)
	b.write("ssh", fmt.Sprintf(fakeSSH, `converged\n`, 0), 0o755)
	output, status := b.run("deploy.sh")
	if status != 0 || !strings.Contains(output, "Deployed: every service of aver runs") {
		t.Fatalf("status %d\n%s", status, output)
	}
	arguments := b.read("arguments")
	for _, want := range []string{"StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none", "BatchMode=yes", "IdentitiesOnly=yes", "deploy@203.0.113.10\ndeploy aver\n"} {
		if !strings.Contains(arguments, want) {
			t.Errorf("ssh was called without %q:\n%s", want, arguments)
		}
	}
	for place, text := range map[string]string{"arguments": arguments, "environment": b.read("environment"), "output": output, "summary": b.read("summary")} {
		if strings.Contains(text, "the-key-itself") {
			t.Errorf("the key is in the %s", place)
		}
	}
	if b.read("key") != "the-key-itself\n" || b.read("mode") != "600 600\n" {
		t.Errorf("key %q, mode %q", b.read("key"), b.read("mode"))
	}
	if b.read("known_hosts") != "203.0.113.10 ssh-ed25519 AAAAmanager\n" || b.read("stdin") != "services: {}\n" {
		t.Errorf("known hosts %q, stdin %q", b.read("known_hosts"), b.read("stdin"))
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "tmp.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The verdict is stackctl's: only it knows whether there was a release to go
// back to, and whether that one came up.
func TestDeployIsRedWithTheReason(t *testing.T) {
	for name, test := range map[string]struct {
		status          int
		answer, verdict string
	}{
		"not converged":    {1, "stackctl: aver_api: no such image\nstackctl: aver: the deployment failed; release 3 runs again", "Not deployed: release 3 runs again, the last good release of aver."},
		"the first one":    {1, "stackctl: aver: the deployment failed; there is no good release to go back to, so it stays as it is", "Failed: aver: the deployment failed; there is no good release to go back to, so it stays as it is"},
		"no way back":      {1, "stackctl: aver: the deployment failed, and release 3 does not come up either", "Failed: aver: the deployment failed, and release 3 does not come up either"},
		"another one":      {1, "stackctl: another deployment of aver has not finished after 300 s", "Failed: another deployment of aver has not finished after 300 s"},
		"not recorded":     {1, "stackctl: aver runs, but its release could not be recorded in 60 s; deploy it again", "Failed: aver runs, but its release could not be recorded in 60 s; deploy it again"},
		"refused":          {2, "stackctl: the deploy key cannot change this: service api: cap_add; deploy it once with 'pulumi up'", "Failed: the deploy key cannot change this: service api: cap_add; deploy it once with 'pulumi up'"},
		"silent":           {1, "sudo: a password is required", "Not deployed: the manager did not say what became of aver."},
		"the service says": {1, "  | stackctl: aver: the deployment failed; release 3 runs again", "Not deployed: the manager did not say what became of aver."},
		"unreachable":      {255, "Host key verification failed.", "Not deployed: the manager could not be reached or is not the one that it should be."},
		"cut off":          {255, "stackctl: waiting for aver_api: it has no task yet", "Not known: the connection to the manager broke; the deployment may still be under way there."},
		"hung":             {124, "", "Not deployed: no answer within 1700 s; the deployment may still be under way on the manager."},
	} {
		b := newBench(t)
		b.write("ssh", fmt.Sprintf(fakeSSH, strings.ReplaceAll(test.answer, "'", `\x27`)+`\n`, test.status), 0o755)
		output, status := b.run("deploy.sh")
		summary := b.read("summary")
		if status != test.status || !strings.HasPrefix(summary, "### "+test.verdict+"\n") || !strings.Contains(summary, "    "+strings.ReplaceAll(test.answer, "\n", "\n    ")) {
			t.Errorf("%s: status %d\n%s\nsummary:\n%s", name, status, output, summary)
		}
	}
}

func TestDeployIsBounded(t *testing.T) {
	b := newBench(t)
	b.write("ssh", "#!/bin/bash\nexec sleep 60\n", 0o755)
	if output, status := b.run("deploy.sh", "DEPLOY_SECONDS=1"); status != 124 {
		t.Errorf("status %d\n%s", status, output)
	}
}

func TestDeployNamesWhatIsMissing(t *testing.T) {
	for _, name := range []string{"MANAGER_IP", "MANAGER_HOST_KEY", "SSH_PRIVATE_KEY"} {
		b := newBench(t)
		if output, status := b.run("deploy.sh", name+"="); status == 0 || !strings.Contains(output, name) {
			t.Errorf("without %s: status %d\n%s", name, status, output)
		}
	}
	b := newBench(t)
	if output, status := b.run("deploy.sh", "STACK_FILE=none.yml"); status != 2 || !strings.Contains(output, "none.yml") {
		t.Errorf("without a file: status %d\n%s", status, output)
	}
}

// fakeDocker knows one image and prints the stack file as it is.
const fakeDocker = `#!/bin/bash
case "$1 $2" in
  "stack config") if grep -q broken "$4"; then echo "broken is not allowed" >&2; exit 1; fi; cat "$4" ;;
  "manifest inspect") [[ $3 == ghcr.io/acme/api:1 ]] || { echo "no such manifest: $3" >&2; exit 1; } ;;
esac
`

func TestCheckAsksForOurImageOnly(t *testing.T) {
	for name, test := range map[string]struct {
		file, says string
		status     int
	}{
		"there":     {"services:\n  api:\n    image: ghcr.io/acme/api:1\n  db:\n    image: redis\n", "ghcr.io/acme/api:1 is there", 0},
		"another's": {"services:\n  api:\n    image: ghcr.io/acme/api-worker:1\n  x:\n    image: mirror/ghcr.io/acme/api:2\n", "", 0},
		"missing":   {"services:\n  api:\n    image: ghcr.io/acme/api:2\n", "the registry does not have ghcr.io/acme/api:2: no such manifest", 1},
		"no tag":    {"services:\n  api:\n    image: ghcr.io/acme/api\n", "the registry does not have ghcr.io/acme/api: no such manifest", 1},
		"by digest": {"services:\n  api:\n    image: ghcr.io/acme/api:1@sha256:ab\n", "the registry does not have ghcr.io/acme/api:1@sha256:ab", 1},
		"invalid":   {"broken: true\n", "stack.yml is not valid: broken is not allowed", 1},
	} {
		b := newBench(t)
		b.write("docker", fakeDocker, 0o755)
		b.write("stack.yml", test.file, 0o644)
		b.write("summary", "", 0o644)
		output, status := b.run("check.sh", "IMAGE=ghcr.io/acme/api")
		if status != test.status || !strings.Contains(output, test.says) || test.says == "" && output != "" {
			t.Errorf("%s: status %d\n%s", name, status, output)
		}
		if summary := b.read("summary"); (status != 0) != strings.HasPrefix(summary, "### Not deployed: "+test.says) {
			t.Errorf("%s: the job summary is %q", name, summary)
		}
	}
}
