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
	key string // a private key, as ssh-keygen writes it
	env []string
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	key := filepath.Join(t.TempDir(), "key")
	if output, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: dir, key: string(private), env: []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir,
		"MANAGER_IP=203.0.113.10", "MANAGER_HOST_KEY=ssh-ed25519 AAAAmanager", "SSH_PRIVATE_KEY=" + string(private),
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
printf '%s\n' "$@" >"$HOME/arguments"
cat >"$HOME/stdin"
env >"$HOME/environment"
while [[ $# -gt 0 ]]; do
  case $1 in
    -i) cp "$2" "$HOME/key"; stat -c '%a %a' "$2" >"$HOME/mode" ;;
    UserKnownHostsFile=*) cp "${1#*=}" "$HOME/known_hosts" ;;
  esac
  shift
done
cat "$HOME/says" >&2
cat "$HOME/answers"
exit "$(cat "$HOME/ends")"
`

// ssh lets ssh end with a status, after it said something and answered.
func (b *bench) ssh(status int, said, answer string) {
	b.write("ssh", fakeSSH, 0o755)
	b.write("says", said, 0o644)
	b.write("answers", answer, 0o644)
	b.write("ends", fmt.Sprint(status), 0o644)
}

const itRuns = `{"stack":"aver","outcome":"runs","release":4,"verdict":"aver: release 4 runs","seconds":9}` + "\n"

func TestDeployVerifiesTheHostAndHidesTheKey(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "stackctl: aver: deploying\n", itRuns)
	output, status := b.run("deploy.sh")
	if status != 0 || !strings.Contains(output, "Deployed: release 4 of aver runs") || !strings.Contains(output, "stackctl: aver: deploying") {
		t.Fatalf("status %d\n%s", status, output)
	}
	arguments := b.read("arguments")
	for _, want := range []string{"StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none", "BatchMode=yes", "IdentitiesOnly=yes", "deploy@203.0.113.10\ndeploy aver --json\n"} {
		if !strings.Contains(arguments, want) {
			t.Errorf("ssh was called without %q:\n%s", want, arguments)
		}
	}
	secret := strings.Split(b.key, "\n")[1]
	for place, text := range map[string]string{"arguments": arguments, "environment": b.read("environment"), "output": output, "summary": b.read("summary")} {
		if strings.Contains(text, secret) {
			t.Errorf("the key is in the %s", place)
		}
	}
	if strings.TrimRight(b.read("key"), "\n") != strings.TrimRight(b.key, "\n") || b.read("mode") != "600 600\n" {
		t.Errorf("key %q, mode %q", b.read("key"), b.read("mode"))
	}
	if b.read("known_hosts") != "203.0.113.10 ssh-ed25519 AAAAmanager\n" || b.read("stdin") != "services: {}\n" {
		t.Errorf("known hosts %q, stdin %q", b.read("known_hosts"), b.read("stdin"))
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "tmp.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The manager takes the commit and the person in one form only; what has another is
// not sent.
func TestDeployPassesCommitAndPerson(t *testing.T) {
	sha := strings.Repeat("0123456789", 4)
	for words, env := range map[string][]string{
		"deploy aver --json --revision " + sha + " --actor dependabot[bot]": {"GITHUB_SHA=" + sha, "GITHUB_ACTOR=dependabot[bot]"},
		"deploy aver --json --actor ada":                                    {"GITHUB_SHA=main", "GITHUB_ACTOR=ada"},
		"deploy aver --json --revision " + sha:                              {"GITHUB_SHA=" + sha, "GITHUB_ACTOR=a b; id"},
	} {
		b := newBench(t)
		b.ssh(0, "", itRuns)
		if output, status := b.run("deploy.sh", env...); status != 0 || !strings.HasSuffix(b.read("arguments"), "\n"+words+"\n") {
			t.Errorf("want %q: status %d\n%s%s", words, status, output, b.read("arguments"))
		}
	}
}

// The verdict is stackctl's, in its JSON: no sentence that anybody says counts.
func TestDeployIsRedWithTheReason(t *testing.T) {
	result := func(outcome, more string) string {
		return fmt.Sprintf(`{"stack":"aver","outcome":%q,"verdict":"what it says",%s"seconds":1}`+"\n", outcome, more)
	}
	const lie = "stackctl:   | stackctl: aver: release 9 runs\n{\"outcome\":\"runs\"}\n"
	for name, test := range map[string]struct {
		ssh, status           int
		said, answer, verdict string
	}{
		"put back": {1, 1, lie, result("put-back", `"release":3,"problems":[{"code":"image-missing","service":"aver_api","reason":"no such image"}],`),
			"Not deployed: release 3 runs again, the last good release of aver."},
		"the first one":       {1, 1, lie, result("failed", ""), "Failed: what it says"},
		"another one":         {3, 3, "", result("busy", ""), "Not deployed: what it says"},
		"refused":             {2, 2, "", result("refused", ""), "Refused: what it says"},
		"a word of tomorrow":  {1, 1, "", result("postponed", ""), "Failed: what it says"},
		"control characters":  {2, 2, "", `{"outcome":"refused","verdict":"a\u001b[2J\nb"}`, "Refused: a [2J b"},
		"broken after it ran": {255, 0, "", result("runs", `"release":4,`), "Deployed: release 4 of aver runs what stack.yml says."},
		"silent":              {1, 1, "sudo: a password is required\n", "", "Not known: the manager did not say what became of aver."},
		"silent and happy":    {0, 1, lie, "", "Not known: the manager did not say what became of aver."},
		"not JSON":            {0, 1, "", "it runs\n", "Not known: the manager did not say what became of aver."},
		"half of it":          {255, 255, "stackctl: aver: received 10 bytes\n", `{"stack":"aver","outc`, "Not known: the connection to the manager broke; the deployment may still be under way there."},
		"another machine":     {255, 255, "Host key verification failed.\r\n", "", "Not deployed: what answers at 203.0.113.10 does not have the key MANAGER_HOST_KEY; the manager was rebuilt, or it is another machine."},
		"another key":         {255, 255, "deploy@203.0.113.10: Permission denied (publickey).\r\n", "", "Not deployed: 203.0.113.10 is the right manager and does not take the key for deploy; SSH_PRIVATE_KEY or SSH_USER is not the present one."},
		"no route":            {255, 255, "ssh: connect to host 203.0.113.10 port 22: No route to host\r\n", "", "Not deployed: the manager could not be reached at 203.0.113.10."},
		"cut off":             {255, 255, "stackctl: waiting for aver_api\nclient_loop: send disconnect: Broken pipe\n", "", "Not known: the connection to the manager broke; the deployment may still be under way there."},
		"hung":                {124, 124, "", "", "Not known: no answer within 1800 s; the deployment may still be under way on the manager."},
	} {
		b := newBench(t)
		b.ssh(test.ssh, test.said, test.answer)
		output, status := b.run("deploy.sh")
		summary := b.read("summary")
		if status != test.status || !strings.HasPrefix(summary, "### "+test.verdict+"\n") || !strings.Contains(output, "deploy: "+test.verdict+"\n") {
			t.Errorf("%s: status %d, want %d\n%s\nsummary:\n%s", name, status, test.status, output, summary)
		}
		if name == "put back" && !strings.Contains(summary, "    aver_api: no such image\n    stackctl:   | stackctl:") {
			t.Errorf("%s: the reason and the log are not in the summary:\n%s", name, summary)
		}
	}
}

// A key that was spoilt on its way is told from a manager that is away.
func TestDeployLooksAtTheKeyFirst(t *testing.T) {
	b := newBench(t)
	public, err := exec.Command("ssh-keygen", "-y", "-P", "", "-f", b.file("spoilt", b.key)).Output()
	if err != nil {
		t.Fatal(err)
	}
	locked := b.file("locked", b.key)
	if output, err := exec.Command("ssh-keygen", "-q", "-p", "-P", "", "-N", "geheim", "-f", locked).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, key := range map[string]string{
		"public": string(public), "one line": strings.ReplaceAll(b.key, "\n", " "), "half": b.key[:len(b.key)/2],
		"a passphrase": b.read("locked"), "a path": "/home/ada/.ssh/id_ed25519",
	} {
		b.ssh(0, "", itRuns)
		output, status := b.run("deploy.sh", "SSH_PRIVATE_KEY="+key)
		if status != 2 || !strings.Contains(output, "SSH_PRIVATE_KEY is not a private key without a passphrase") || !strings.Contains(b.read("summary"), "### Not deployed: SSH_PRIVATE_KEY") {
			t.Errorf("%s: status %d\n%s", name, status, output)
		}
	}
	b.ssh(0, "", itRuns)
	output, status := b.run("deploy.sh", "SSH_PRIVATE_KEY="+strings.ReplaceAll(b.key, "\n", "\r\n"), "MANAGER_HOST_KEY=ssh-ed25519 AAAAmanager\r")
	if status != 0 || strings.Contains(b.read("key")+b.read("known_hosts"), "\r") {
		t.Errorf("line ends of Windows: status %d\n%s", status, output)
	}
}

// file writes a key where ssh-keygen takes it.
func (b *bench) file(name, content string) string {
	b.write(name, content, 0o600)
	return filepath.Join(b.dir, name)
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
