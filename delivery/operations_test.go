package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// commandsOf are the commands that a section of docs/operations.md tells its reader to
// paste first.
func commandsOf(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## "+heading+"\n")
	_, block, _ := strings.Cut(section, "```\n")
	commands, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatalf("no commands in:\n%s", section)
	}
	return commands
}

// login runs the commands with a Pulumi that knows the outputs and an ssh that
// says what it would do. It returns the directory they made and their output.
func login(t *testing.T) (dir, says string) {
	t.Helper()
	for _, tool := range []string{"ssh", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs ", tool)
		}
	}
	ssh, _ := exec.LookPath("ssh")
	bin, temp := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{
		"ssh": "exec " + ssh + ` -G "$@"`,
		"pulumi": `case "$*" in
  *"output adminPrivateKey --show-secrets") echo the-key ;;
  *"output sshUser") echo admin ;;
  *"output nodes --json") echo '[{"name":"aver-manager","role":"manager","privateAddress":"10.20.1.8","publicAddress":"203.0.113.10","hostKey":"ssh-ed25519 AAAAmanager"},
    {"name":"aver-worker-1","role":"worker","privateAddress":"10.20.1.128","publicAddress":"203.0.113.20","hostKey":"ssh-ed25519 AAAAworker"}]' ;;
  *) exit 1 ;;
esac`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("bash", "-euc", commandsOf(t, "Log in to a node"))
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+temp)
	output, err := command.CombinedOutput()
	made, _ := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("%v, made %q\n%s", err, made, output)
	}
	return made[0], string(output)
}

func TestLoginCommandsWorkWhenPasted(t *testing.T) {
	dir, output := login(t)
	for _, line := range []string{
		"hostname 203.0.113.10", "hostkeyalias aver-manager", "user admin", "identityfile " + dir + "/key",
		"userknownhostsfile " + dir + "/known", "stricthostkeychecking true",
		"hostname 10.20.1.128", "hostkeyalias aver-worker-1", "proxyjump aver-manager",
	} {
		if !strings.Contains(output, line+"\n") {
			t.Errorf("ssh does not read %q in:\n%s", line, output)
		}
	}
	if strings.Count(output, "proxyjump ") != 1 {
		t.Error("the manager is reached through itself")
	}
	known, err := os.ReadFile(filepath.Join(dir, "known"))
	if err != nil || string(known) != "aver-manager ssh-ed25519 AAAAmanager\naver-worker-1 ssh-ed25519 AAAAworker\n" {
		t.Errorf("known hosts %q, %v", known, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode: %v, %v", info.Mode(), err)
	}
}

// TestOnlyALaptop pastes what somebody pastes who was paged and has only a checkout. Every
// command takes its arguments from the commands before it, and none needs a passphrase.
func TestOnlyALaptop(t *testing.T) {
	bin, calls := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	for name, script := range map[string]string{
		"az":     ":",
		"curl":   "echo 203.0.113.77",
		"gh":     `[ "$*" = "variable get PULUMI_BACKEND_URL" ] && echo "azblob://state?storage_account=ours"`,
		"pulumi": `[ -z "${PULUMI_CONFIG_PASSPHRASE:-}" ]`,
	} {
		script = "#!/bin/bash\nset -eu\necho \"" + name + ` $*" >>` + calls + "\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("bash", "-euc", commandsOf(t, "Only a laptop"))
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	said, err := os.ReadFile(calls)
	if err != nil || !strings.Contains(string(said), "\npulumi login azblob://state?storage_account=ours\n") {
		t.Errorf("%v, the calls:\n%s", err, said)
	}
}
