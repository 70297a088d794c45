package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

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
			return strings.Trim(strings.Fields(line)[1], `"`)
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
	if output, status, code := r.releases(r.first); status != 0 || code != "unchanged" || r.commits() != "2" {
		t.Errorf("a second time: status %d, code %q, %s commits\n%s", status, code, r.commits(), output)
	}
}

func TestReleaseNeverGoesBackByItself(t *testing.T) {
	r := newRepos(t)
	if output, err := r.release(r.second, r.clone); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	output, status, code := r.releases(r.first)
	if status != 0 || code != "later" || !strings.HasSuffix(r.image(), r.second[:7]) {
		t.Errorf("the slower pipeline of an earlier commit: status %d, code %q, now %s\n%s", status, code, r.image(), output)
	}
	// Somebody rolls back with a revert in stack-repo. The next push still makes a release.
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
	output, status, code := r.releases(r.first)
	if status != 0 || code != "released" || !strings.Contains(output, " 1 of ") || !strings.HasSuffix(r.image(), r.first[:7]) {
		t.Fatalf("status %d, code %q, now %s\n%s", status, code, r.image(), output)
	}
	if readme := must(t, r.bare, "git", "show", "main:README"); readme != "x" {
		t.Errorf("the other push was lost: %q", readme)
	}
}

// The reasons that stop a push are told apart. Only a push that can succeed later is tried
// again.
func TestReleaseReportsWhyAPushFails(t *testing.T) {
	for name, test := range map[string]struct {
		hook   string // of the bare repository; empty for none
		git    string // what git's push says instead of pushing
		code   string
		status int
	}{
		"a protected branch": {"echo 'GH006: Protected branch update failed' >&2; exit 1", "", "branch-protected", 2},
		"a ruleset":          {"", "!\tHEAD:refs/heads/main\t[remote rejected] (push declined due to repository rule violations)", "branch-protected", 2},
		"a workflow file":    {"", "! [remote rejected] HEAD -> main (refusing to allow a GitHub App to create or update workflow)", "branch-protected", 2},
		"a read-only key":    {"", "ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read from remote repository.", "login-read-only", 2},
		"a reading token":    {"", "remote: Permission to acme/stack-repo.git denied to ada.\nfatal: unable to access: The requested URL returned error: 403", "login-read-only", 2},
		"another's key":      {"", "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.", "login-refused", 2},
		"an old token":       {"", "remote: Invalid username or token.\nfatal: Authentication failed for 'https://github.com/acme/stack-repo/'", "login-refused", 2},
		"no network":         {"", "fatal: unable to access: Could not resolve host: github.com", "unreachable", 1},
		"always later":       {"", "!\tHEAD:refs/heads/main\t[rejected] (fetch first)", "race", 1},
		"a lock":             {"", "!\tHEAD:refs/heads/main\t[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)", "race", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepos(t)
			bin := t.TempDir()
			if test.hook != "" {
				program(t, filepath.Join(r.bare, "hooks", "pre-receive"), test.hook)
			}
			if test.git != "" {
				real, _ := exec.LookPath("git")
				program(t, filepath.Join(bin, "git"), "case \" $* \" in *' push '*) printf '"+strings.ReplaceAll(test.git, "'", "'\\''")+"\\n' >&2; exit 1 ;; esac\nexec "+real+" \"$@\"")
			}
			before := r.commits()
			output, status, code := r.releases(r.first, "PATH="+bin+":"+os.Getenv("PATH"), "ATTEMPTS=1")
			if status != test.status || code != test.code || r.commits() != before {
				t.Errorf("status %d, code %q, want %d, %q\n%s", status, code, test.status, test.code, output)
			}
		})
	}
}

// program writes a shell script.
func program(t *testing.T, path, lines string) {
	t.Helper()
	put(t, path, "#!/bin/sh\n"+lines+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// releases runs release.sh and returns what it said, its exit status and its code.
func (r *repos) releases(commit string, env ...string) (string, int, string) {
	r.t.Helper()
	outputs := filepath.Join(r.t.TempDir(), "outputs")
	put(r.t, outputs, "")
	output, err := run(r.t, r.code, append([]string{"IMAGE=ghcr.io/acme/aver-api", "COMMIT=" + commit, "STACK_DIR=" + r.clone, "GITHUB_OUTPUT=" + outputs}, env...), "scripts/release.sh")
	status := 0
	if exit := (&exec.ExitError{}); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		r.t.Fatal(err)
	}
	return output, status, strings.TrimPrefix(strings.TrimSpace(get(r.t, outputs)), "code=")
}

// pushStack puts another stack file into stack-repo.
func (r *repos) pushStack(text string) {
	r.t.Helper()
	put(r.t, filepath.Join(r.clone, "stack.yml"), text)
	must(r.t, r.clone, "git", "commit", "-qam", "by hand")
	must(r.t, r.clone, "git", "push", "-q", "origin", "HEAD:main")
}

// An image of an earlier commit does not replace that of a later one, however the later one
// is written in the file.
func TestReleaseSeesTheLaterCommit(t *testing.T) {
	t.Parallel()
	r := newRepos(t)
	ours := "ghcr.io/acme/aver-api:"
	later, digest := r.second[:7], "@sha256:"+strings.Repeat("ab", 32)
	for _, test := range []struct{ text, service, code string }{
		{"services:\n  api:\n    image: " + ours + later + digest + "\n", "api", "later"},
		{"services:\r\n\r\n  api:\r\n    image: " + ours + later + "\r\n", "api", "later"},
		{mark + "services:\n  api:\n    image:\n      " + ours + later + "\n", "api", "later"},
		{"x-i: &i " + ours + r.second + "\nservices: {api: {image: *i}}\n", "api", "later"},
		{"services:\n  api:\n    image: " + ours + r.first[:7] + digest + "\n", "api", "unchanged"},
		{"services:\n  api:\n    image: " + ours + r.first[:7] + "\n  worker:\n    image: " + ours + later + "\n", "api,worker", "later"},
		{"services:\n  api:\n    image: " + ours + r.first[:7] + "\n  worker:\n    image: other/worker:1\n", "api, worker", "released"},
		{"services:\n  api:\n    image: other/api:" + later + "\n", "api", "released"},
		{"services:\n  api:\n    build: .\n", "api", "stack-file"},
		{"services: {api: {image: x}, web: {image: y}}\n", "api,web,cron", "stack-file"},
		{"services:\n  api:\n\timage: x\n", "api", "stack-file"},
	} {
		r.pushStack(test.text)
		before := r.commits()
		output, status, code := r.releases(r.first, "SERVICE="+test.service)
		if code != test.code || (status == 0) == (code == "stack-file") || (r.commits() != before) != (code == "released") {
			t.Errorf("%q: status %d, code %q, want %q\n%s", test.text, status, code, test.code, output)
		}
	}
}

const mark = "\uFEFF"

// Two services of one image get it in one commit.
func TestReleaseMovesServicesTogether(t *testing.T) {
	t.Parallel()
	r := newRepos(t)
	r.pushStack("services:\n  api:\n    image: a/b:1\n  worker:\n    image: a/b:2\n  db:\n    image: redis:7\n")
	output, status, code := r.releases(r.second, "SERVICE=api,worker")
	image := "ghcr.io/acme/aver-api:" + r.second[:7]
	want := "services:\n  api:\n    image: " + image + "\n  worker:\n    image: " + image + "\n  db:\n    image: redis:7"
	if text := must(t, r.bare, "git", "show", "main:stack.yml"); status != 0 || code != "released" || text != want || r.commits() != "3" {
		t.Errorf("status %d, code %q, %s commits\n%s\n%s", status, code, r.commits(), text, output)
	}
}
