package repos

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const itRuns = `{"stack":"aver","outcome":"runs","release":4,"verdict":"aver: release 4 runs","seconds":9}` + "\n"

func TestDeployVerifiesTheHostAndHidesTheKey(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "stackctl: aver: deploying\n", itRuns)
	keygen, _ := exec.LookPath("ssh-keygen")
	b.write("ssh-keygen", "#!/bin/bash\nenv >\"$HOME/before\"\nexec "+keygen+" \"$@\"\n", 0o755)
	output, status := b.run("deploy.sh")
	if status != 0 || b.code() != "runs" || !says(output, "Deployed: ... 4 ... aver ") || !strings.Contains(output, "stackctl: aver: deploying") {
		t.Fatalf("status %d\n%s", status, output)
	}
	arguments := b.read("arguments")
	for _, want := range []string{"StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none", "BatchMode=yes", "IdentitiesOnly=yes", "deploy@203.0.113.10\ndeploy aver --json --file stack.yml\n"} {
		if !strings.Contains(arguments, want) {
			t.Errorf("ssh was called without %q:\n%s", want, arguments)
		}
	}
	secret := strings.Split(b.key, "\n")[1]
	for place, text := range map[string]string{"arguments": arguments, "environment": b.read("environment"), "ssh-keygen's": b.read("before"), "output": output, "summary": b.read("summary")} {
		if strings.Contains(text, secret) {
			t.Errorf("the key is in the %s", place)
		}
	}
	if strings.TrimRight(b.read("key"), "\n") != strings.TrimRight(b.key, "\n") || b.read("mode") != "600 600\n" {
		t.Errorf("key %q, mode %q", b.read("key"), b.read("mode"))
	}
	if b.read("known_hosts") != "203.0.113.10 "+managerKey+"\n" {
		t.Errorf("known hosts %q", b.read("known_hosts"))
	}
	if sent := b.sent("stdin"); len(sent) != 1 || sent["stack.yml"] != "services: {}\n" {
		t.Errorf("sent %q", sent)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "tmp.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The manager accepts the commit and the person in one form only. A value in another form
// is not sent.
func TestDeployPassesCommitAndPerson(t *testing.T) {
	sha := strings.Repeat("0123456789", 4)
	for words, env := range map[string][]string{
		"deploy aver --json --file stack.yml --revision " + sha + " --actor dependabot[bot]": {"GITHUB_SHA=" + sha, "GITHUB_ACTOR=dependabot[bot]"},
		"deploy aver --json --file stack.yml --actor ada":                                    {"GITHUB_SHA=main", "GITHUB_ACTOR=ada"},
		"deploy aver --json --file stack.yml --revision " + sha:                              {"GITHUB_SHA=" + sha, "GITHUB_ACTOR=a b; id"},
	} {
		b := newBench(t)
		b.ssh(0, "", itRuns)
		if output, status := b.run("deploy.sh", env...); status != 0 || !strings.HasSuffix(b.read("arguments"), "\n"+words+"\n") {
			t.Errorf("want %q: status %d\n%s%s", words, status, output, b.read("arguments"))
		}
	}
}

// The verdict is the one in stackctl's JSON. No sentence in the output counts.
func TestDeployIsRedWithTheReason(t *testing.T) {
	result := func(outcome, more string) string {
		return fmt.Sprintf(`{"stack":"aver","outcome":%q,"verdict":"what it says",%s"seconds":1}`+"\n", outcome, more)
	}
	const lie = "stackctl:   | stackctl: aver: release 9 runs\n{\"outcome\":\"runs\"}\n"
	for name, test := range map[string]struct {
		ssh, status   int
		said, answer  string
		code, verdict string
	}{
		"put back": {1, 1, lie, result("put-back", `"release":3,"problems":[{"code":"image-missing","service":"aver_api","reason":"no such image"}],`),
			"put-back", "Not deployed: ... 3 ... aver"},
		"empty fields": {1, 1, "", result("failed", `"problems":[{"code":"a","service":"","node":"n1","reason":"r1"},{"code":"b","service":"s2","node":"","reason":""},{"code":"c","service":"","node":"","reason":"r3"}],`),
			"failed", "Failed: what it says"},
		"the first one":       {1, 1, lie, result("failed", ""), "failed", "Failed: what it says"},
		"another one":         {3, 3, "", result("busy", ""), "busy", "Not deployed: what it says"},
		"refused":             {2, 2, "", result("refused", ""), "refused", "Refused: what it says"},
		"a word of tomorrow":  {1, 1, "", result("postponed", ""), "postponed", "Failed: what it says"},
		"control characters":  {2, 2, "", `{"outcome":"refused","verdict":"a\u001b[2J\nb"}`, "refused", "Refused: a [2J b"},
		"broken after it ran": {255, 0, "", result("runs", `"release":4,`), "runs", "Deployed: ... 4 ... aver ... stack.yml"},
		"a login in its log":  {1, 1, "stackctl:   | Permission denied (publickey).\n", result("failed", ""), "failed", "Failed: what it says"},
		"silent":              {1, 1, "sudo: a password is required\n", "", "silent", "Not known: "},
		"silent and happy":    {0, 1, lie, "", "silent", "Not known: "},
		"not JSON":            {0, 1, "", "it runs\n", "silent", "Not known: "},
		"half of it":          {255, 255, "stackctl: aver: received 10 bytes\n", `{"stack":"aver","outc`, "broken", "Not known: "},
		"another machine":     {255, 255, "Host key verification failed.\r\n", "", "host-key", "Not deployed: "},
		"without ed25519":     {255, 255, "Unable to negotiate with 203.0.113.10 port 22: no matching host key type found. Their offer: ssh-rsa\r\n", "", "host-key", "Not deployed: "},
		"another key":         {255, 255, "deploy@203.0.113.10: Permission denied (publickey).\r\n", "", "login-refused", "Not deployed: "},
		"no route":            {255, 255, "ssh: connect to host 203.0.113.10 port 22: No route to host\r\n", "", "no-route", "Not deployed: "},
		"forbidden here":      {255, 255, "ssh: connect to host 203.0.113.10 port 22: Permission denied\r\n", "", "no-route", "Not deployed: "},
		"no network":          {255, 255, "ssh: connect to host 203.0.113.10 port 22: Network is unreachable\r\n", "", "no-route", "Not deployed: "},
		"closed":              {255, 255, "ssh: connect to host 203.0.113.10 port 22: Connection refused\r\n", "", "port-closed", "Not deployed: "},
		"filtered":            {255, 255, "ssh: connect to host 203.0.113.10 port 22: Connection timed out\r\n", "", "timed-out", "Not deployed: "},
		"no name":             {255, 255, "ssh: Could not resolve hostname manager: Name or service not known\r\n", "", "no-name", "Not deployed: "},
		"full":                {255, 255, "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 203.0.113.10 port 22\r\n", "", "no-ssh", "Not deployed: "},
		"silent port":         {255, 255, "Connection timed out during banner exchange\r\nConnection to 203.0.113.10 port 22 timed out\r\n", "", "no-ssh", "Not deployed: "},
		"cut off":             {255, 255, "stackctl: waiting for aver_api\nclient_loop: send disconnect: Broken pipe\n", "", "broken", "Not known: "},
		"cut off, a login":    {255, 255, "stackctl:   | ada@git: Permission denied (publickey).\nclient_loop: send disconnect: Broken pipe\n", "", "broken", "Not known: "},
		"cut off at once":     {255, 255, "client_loop: send disconnect: Connection reset by peer\n", "", "broken", "Not known: "},
		"cut off, no word":    {255, 255, "", "", "broken", "Not known: "},
		"hung":                {124, 124, "", "", "no-answer", "Not known: ... 1800 s"},
		"hung, killed":        {137, 124, "", "", "no-answer", "Not known: "},
	} {
		b := newBench(t)
		b.ssh(test.ssh, test.said, test.answer)
		output, status := b.run("deploy.sh")
		summary := b.read("summary")
		title, _, _ := strings.Cut(summary, "\n")
		told, _, _ := strings.Cut(test.verdict, " ... ")
		if status != test.status || b.code() != test.code || !strings.HasPrefix(title, "### "+told) || !says(title, test.verdict) || !says(output, "\ndeploy: "+test.verdict) {
			t.Errorf("%s: status %d, code %q, want %d, %q\n%s\nsummary:\n%s", name, status, b.code(), test.status, test.code, output, summary)
		}
		if name == "empty fields" && !strings.Contains(summary, "    n1: r1\n    s2\n    r3\n") {
			t.Errorf("%s: the summary is\n%s", name, summary)
		}
		if name == "put back" && !strings.Contains(summary, "    aver_api: no such image\n    stackctl:   | stackctl:") {
			t.Errorf("%s: the reason and the log are not in the summary:\n%s", name, summary)
		}
	}
}

func TestDeployIsBounded(t *testing.T) {
	b := newBench(t)
	b.write("ssh", "#!/bin/bash\nexec sleep 60\n", 0o755)
	if output, status := b.run("deploy.sh", "DEPLOY_SECONDS=1"); status != 124 || b.code() != "no-answer" {
		t.Errorf("status %d\n%s", status, output)
	}
}

// Besides the stack files, exactly those files are sent that the manager says the stack
// files name.
func TestDeploySendsWhatTheFilesName(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "", itRuns)
	b.write("names", `{"files":["conf/a b.conf","db.age","none","link"]}`, 0o644)
	b.write("db.age", "sealed", 0o600)
	b.write("README.md", "not named", 0o644)
	for _, err := range []error{
		os.Mkdir(filepath.Join(b.dir, "conf"), 0o755), os.WriteFile(filepath.Join(b.dir, "conf", "a b.conf"), []byte("x"), 0o644),
		os.Symlink("db.age", filepath.Join(b.dir, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if output, status := b.run("deploy.sh"); status != 0 {
		t.Fatalf("status %d\n%s", status, output)
	}
	if asked := b.sent("asked"); len(asked) != 1 || asked["stack.yml"] == "" {
		t.Errorf("asked with %q", asked)
	}
	want := map[string]string{"stack.yml": "services: {}\n", "conf/a b.conf": "x", "db.age": "sealed", "link": "sealed"}
	if sent := b.sent("stdin"); !maps.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}

	for name, to := range map[string]string{"a link": "/etc/passwd", "a link up": "../above"} {
		path := filepath.Join(b.dir, "link")
		if err := errors.Join(os.Remove(path), os.WriteFile(filepath.Join(b.dir, "..", "above"), nil, 0o644), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
		b.write("stdin", "", 0o644)
		if output, status := b.run("deploy.sh"); status != 2 || b.code() != "outside" || b.read("stdin") != "" {
			t.Errorf("%s: status %d, code %q\n%s", name, status, b.code(), output)
		}
	}
}

// Files that STACK_FILE names are merged; they lie in one folder.
func TestDeployMergesFiles(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "", itRuns)
	b.write("prod.yml", "services: {}\n", 0o644)
	if output, status := b.run("deploy.sh", "STACK_FILE=stack.yml prod.yml"); status != 0 || !strings.Contains(b.read("arguments"), "\ndeploy aver --json --file stack.yml --file prod.yml\n") || len(b.sent("stdin")) != 2 {
		t.Errorf("status %d\n%s%s", status, output, b.read("arguments"))
	}
	for _, files := range []string{"none.yml", "stack.yml /etc/hosts"} {
		if output, status := b.run("deploy.sh", "STACK_FILE="+files); status != 2 || b.code() != "no-file" {
			t.Errorf("%s: status %d, code %q\n%s", files, status, b.code(), output)
		}
	}
}

// Each stack of the repository is deployed, even if another one fails.
func TestDeployDeploysEveryStack(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "", itRuns)
	b.write("ssh", strings.Replace(fakeSSH, `printf '%s\n' "$@"`, `echo "${*: -1}" >>"$HOME/wishes"; [[ ${*: -1} != "deploy bad "* ]] || { echo '{"outcome":"put-back","release":3}'; exit 1; }
printf '%s\n' "$@"`, 1), 0o755)
	for _, stack := range []string{"bad", "web"} {
		dir := filepath.Join(b.dir, "stacks", stack)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "stack.yml"), []byte("services: {}\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	output, status := b.run("deploy.sh", "STACK_NAME=main")
	want := "deploy main --json --file stack.yml\ndeploy bad --json --file stack.yml\ndeploy web --json --file stack.yml\n"
	if status != 1 || b.code() != "put-back" || b.read("wishes") != want {
		t.Errorf("status %d, code %q, wishes\n%s\n%s", status, b.code(), b.read("wishes"), output)
	}
	if summary := b.read("summary"); strings.Count(summary, "### ") != 3 || !says(summary, "### Not deployed: ... 3 ... bad") {
		t.Errorf("summary:\n%s", summary)
	}
}
