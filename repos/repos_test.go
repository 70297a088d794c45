// Package repos holds the two other repositories. Its tests run what the pipelines of these
// run, and check their workflows against a few rules.
package repos

import (
	"archive/tar"
	"fmt"
	"io"
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

// managerKey is the public host key of a manager.
const managerKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG4VJzhZlv9mtwIcQMvkkZ5fr0rCzfMsaHp0RzdyYcaZ"

// rsaKey is the beginning of a key of another type.
const rsaKey = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7"

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
		"MANAGER_IP=203.0.113.10", "MANAGER_HOST_KEY=" + managerKey, "SSH_PRIVATE_KEY=" + string(private),
		"GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"), "GITHUB_OUTPUT=" + filepath.Join(dir, "outputs"),
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
	b.write("outputs", "", 0o644)
	command := exec.Command(path)
	command.Dir, command.Env = b.dir, append(b.env, env...)
	output, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		b.t.Fatal(err)
	}
	return string(output), command.ProcessState.ExitCode()
}

// code is what the last run gave later steps of its job.
func (b *bench) code() string {
	return strings.TrimPrefix(strings.TrimSpace(b.read("outputs")), "code=")
}

// says tells whether a text has all parts in this order: " ... " stands between them. The
// parts are what matters to a reader: names, numbers, codes, files, other programs' words.
func says(text, parts string) bool {
	for _, part := range strings.Split(parts, " ... ") {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

// fakeSSH reports which files a stack file names, if the file names has them. Otherwise it
// records its arguments, input, environment, key and known hosts, and ends as it was told.
const fakeSSH = `#!/bin/bash
if [[ ${*: -1} == "files "* && -e $HOME/names ]]; then
  cat >"$HOME/asked"
  exec cat "$HOME/names"
fi
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

// ssh makes the stand-in print a message and an answer, and end with a status.
func (b *bench) ssh(status int, said, answer string) {
	b.write("ssh", fakeSSH, 0o755)
	b.write("says", said, 0o644)
	b.write("answers", answer, 0o644)
	b.write("ends", fmt.Sprint(status), 0o644)
	b.write("names", `{"files":[]}`, 0o644)
}

// sent are the files of the archive that ssh was given.
func (b *bench) sent(name string) map[string]string {
	b.t.Helper()
	files := map[string]string{}
	reader := tar.NewReader(strings.NewReader(b.read(name)))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			b.t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			b.t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}

// file writes a key in a form that ssh-keygen accepts.
func (b *bench) file(name, content string) string {
	b.write(name, content, 0o600)
	return filepath.Join(b.dir, name)
}
