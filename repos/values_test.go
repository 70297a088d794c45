package repos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Wrong values are reported before any manager is called, each with the name of its
// variable.
func TestDeployLooksAtItsValuesFirst(t *testing.T) {
	b := newBench(t)
	public, err := exec.Command("ssh-keygen", "-y", "-P", "", "-f", b.file("spoilt", b.key)).Output()
	if err != nil {
		t.Fatal(err)
	}
	locked := b.file("locked", b.key)
	if output, err := exec.Command("ssh-keygen", "-q", "-p", "-P", "", "-N", "geheim", "-f", locked).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	b.ssh(0, "", itRuns)
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for name, test := range map[string]struct{ variable, value, code string }{
		"public":            {"SSH_PRIVATE_KEY", string(public), "key-public"},
		"public, RSA":       {"SSH_PRIVATE_KEY", "ssh-rsa AAAAB3NzaC1yc2E ada@example.org\r\n", "key-public"},
		"one line":          {"SSH_PRIVATE_KEY", strings.ReplaceAll(b.key, "\n", " "), "key-broken"},
		"half":              {"SSH_PRIVATE_KEY", b.key[:len(b.key)/2], "key-broken"},
		"without its end":   {"SSH_PRIVATE_KEY", strings.Replace(b.key, "-----END OPENSSH PRIVATE KEY-----", "", 1), "key-broken"},
		"a passphrase":      {"SSH_PRIVATE_KEY", b.read("locked"), "key-passphrase"},
		"with it, CRLF":     {"SSH_PRIVATE_KEY", strings.ReplaceAll(b.read("locked"), "\n", "\r\n"), "key-passphrase"},
		"a path":            {"SSH_PRIVATE_KEY", "/home/ada/.ssh/id_ed25519", "key-format"},
		"PuTTY's":           {"SSH_PRIVATE_KEY", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "key-format"},
		"no key":            {"SSH_PRIVATE_KEY", "", "missing"},
		"a fingerprint":     {"MANAGER_HOST_KEY", "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGgbnH5z", "host-key-format"},
		"another type":      {"MANAGER_HOST_KEY", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=", "host-key-format"},
		"two keys":          {"MANAGER_HOST_KEY", managerKey + "\n" + other, "host-key-format"},
		"a revoked key":     {"MANAGER_HOST_KEY", "@revoked * " + managerKey, "host-key-format"},
		"no host key":       {"MANAGER_HOST_KEY", "", "missing"},
		"no address":        {"MANAGER_IP", "", "missing"},
		"with a port":       {"MANAGER_IP", "203.0.113.10:22", "address"},
		"with an account":   {"MANAGER_IP", "deploy@203.0.113.10", "address"},
		"an option":         {"MANAGER_IP", "-oProxyCommand=id", "address"},
		"a line half":       {"MANAGERS", "203.0.113.11\n", "host-key-format"},
		"a line without":    {"MANAGERS", "\n" + managerKey, "host-key-format"},
		"a line's port":     {"MANAGERS", "203.0.113.11:22 " + managerKey, "address"},
		"another port":      {"MANAGERS", "[203.0.113.11]:2222 " + managerKey, "address"},
		"a hashed line":     {"MANAGERS", "|1|c2FsdHNhbHRzYWx0c2FsdHM=|aGFzaGhhc2hoYXNoaGFzaGg= " + managerKey, "address"},
		"a revoked line":    {"MANAGERS", "@revoked 203.0.113.11 " + managerKey, "address"},
		"RSA alone":         {"MANAGERS", "203.0.113.11 " + managerKey + "\n203.0.113.12 " + rsaKey, "host-key-format"},
		"a certificate":     {"MANAGERS", "203.0.113.11 ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5", "host-key-format"},
		"SSHFP":             {"MANAGERS", "203.0.113.11 IN SSHFP 4 2 0a1b2c", "host-key-format"},
		"a fingerprint too": {"MANAGERS", "203.0.113.11 ssh-ed25519 SHA256:uNiVztksCsDhcc0u9e8BrrJXVGgbnH5z", "host-key-format"},
		"a file not there":  {"STACK_FILE", "none.yml", "no-file"},
		"no room for files": {"TMPDIR", "/dev/full", "runner-disk"},
	} {
		output, status := b.run("deploy.sh", test.variable+"="+test.value)
		if status != 2 || b.code() != test.code || !says("\n"+output, "\ndeploy: ... "+test.variable) && test.code != "runner-disk" {
			t.Errorf("%s: status %d, code %q, want 2, %q\n%s", name, status, b.code(), test.code, output)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "arguments")); err == nil {
			t.Fatalf("%s: somebody was called", name)
		}
	}
}

// A mistake in a list is reported with its line, and without the address, which no log may
// show.
func TestDeployNamesTheLineOfMANAGERS(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "", itRuns)
	for line, managers := range map[string]string{
		"line 3 of MANAGERS": "# the managers\n\n203.0.113.12 " + rsaKey + "\n203.0.113.11 " + managerKey,
		"line 2 of MANAGERS": "203.0.113.11 " + managerKey + "\n|1|c2Fs|aGFz " + managerKey,
		"line 1 of MANAGERS": "[203.0.113.12]:2222 " + managerKey,
	} {
		output, status := b.run("deploy.sh", "MANAGERS="+managers)
		if status != 2 || !strings.Contains(output, line) || strings.Contains(output, "203.0.113.12") {
			t.Errorf("%s: status %d\n%s", line, status, output)
		}
	}
}

// A stack file that does not exist is reported before any of several managers is called.
func TestDeployLooksAtItsFilesFirst(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "", itRuns)
	output, status := b.run("deploy.sh", "STACK_FILE=none.yml", "MANAGERS=203.0.113.11 "+managerKey)
	if _, err := os.Stat(filepath.Join(b.dir, "arguments")); status != 2 || b.code() != "no-file" || err == nil {
		t.Errorf("status %d, code %q, %v\n%s", status, b.code(), err, output)
	}
}

// A value in another form with the same meaning is accepted.
func TestDeployTakesValuesAsPeoplePasteThem(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "", itRuns)
	for name, env := range map[string][]string{
		"line ends of Windows": {"SSH_PRIVATE_KEY=" + strings.ReplaceAll(b.key, "\n", "\r\n"), "MANAGER_HOST_KEY=" + managerKey + "\r\n", "MANAGER_IP=203.0.113.10\r\n"},
		"no last line end":     {"SSH_PRIVATE_KEY=" + strings.TrimSpace(b.key)},
		"a comment":            {"MANAGER_HOST_KEY=" + managerKey + " root@aver-manager\n"},
		"known_hosts":          {"MANAGER_HOST_KEY=aver-manager,203.0.113.10 " + managerKey},
		"ssh-keyscan":          {"MANAGER_HOST_KEY=# 203.0.113.10:22 SSH-2.0-OpenSSH_9.2\n203.0.113.10 ssh-rsa AAAAB3Nz\n203.0.113.10 " + managerKey + "\n[203.0.113.10]:2222 " + managerKey + "\n"},
	} {
		output, status := b.run("deploy.sh", env...)
		if status != 0 || b.code() != "runs" || b.read("known_hosts") != "203.0.113.10 "+managerKey+"\n" || strings.Contains(b.read("key"), "\r") || !strings.Contains(b.read("arguments"), "\ndeploy@203.0.113.10\n") {
			t.Errorf("%s: status %d, known hosts %q\n%s", name, status, b.read("known_hosts"), output)
		}
	}
}

// A runner that lacks a program says which.
func TestDeployNamesTheMissingProgram(t *testing.T) {
	for _, missing := range []string{"jq", "ssh", "ssh-keygen", "tar", "timeout", "docker"} {
		b := newBench(t)
		programs := filepath.Join(b.dir, "programs")
		if err := os.Mkdir(programs, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"bash", "env", "jq", "ssh", "ssh-keygen", "tar", "timeout"} {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Fatal(err)
			}
			if name != missing {
				if err := os.Symlink(path, filepath.Join(programs, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		output, status := b.run("deploy.sh", "PATH="+programs, "IMAGE=ghcr.io/acme/api")
		if status != 2 || b.code() != "runner-tool" || !strings.Contains(output, " "+missing+"; ") {
			t.Errorf("without %s: status %d, code %q\n%s", missing, status, b.code(), output)
		}
	}
}

// If the runner's disk fills up, the result of the deployment is still reported correctly.
func TestDeployOnAFullRunner(t *testing.T) {
	b := newBench(t)
	b.ssh(0, "stackctl: aver: deploying\n", itRuns)
	if output, status := b.run("deploy.sh", "GITHUB_STEP_SUMMARY=/dev/full"); status != 0 || b.code() != "runs" || !strings.Contains(output, "summary") {
		t.Errorf("no room for the summary: status %d, code %q\n%s", status, b.code(), output)
	}
	// The answer is lost: ssh could not write it, and no other program can write either.
	b.write("ssh", `#!/bin/bash
while [[ $1 != -i ]]; do shift; done
ln -s /dev/full "$(dirname "$2")/room"
exit 1
`, 0o755)
	if output, status := b.run("deploy.sh"); status != 1 || b.code() != "runner-disk" {
		t.Errorf("no room for the answer: status %d, code %q\n%s", status, b.code(), output)
	}
}
