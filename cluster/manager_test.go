package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// managerMachine is a machine with its accounts in the file `passwd`, and the registries
// that root is logged in to in the file `auths`.
func managerMachine(t *testing.T) *machine {
	m := newMachine(t, `case "$1" in
  login) cat >>$D/stdin; for server; do :; done; [ ! -e $D/refuses ] || { echo unauthorized >&2; exit 1; }
    mkdir -p $D/.docker; touch $D/.docker/config.json; echo "$server" >>$D/auths ;;
  service) [ ! -e $D/images ] || cat $D/images ;;
  logout) [ ! -e $D/stuck ] || { echo "WARNING: could not erase credentials"; exit 0; }
    grep -vxF "${2:-docker.io}" $D/auths >$D/left; cat $D/left >$D/auths ;;
esac`)
	m.write("passwd", "root:x:0:0:root:/root:/bin/bash\naver:x:1000:1000::"+m.dir+"/home:/bin/bash\n")
	m.write("home/"+upload, program1)
	m.write("unit-state", "inactive")
	m.write("auths", "by-hand.example\n")
	m.program("getent", "cat $D/passwd")
	m.program("useradd", `for user; do :; done
! grep "^$user:" $D/passwd >/dev/null || { echo "useradd: user '$user' already exists" >&2; exit 9; }
echo "$user:x:999:999::$D/$user:/bin/sh" >>$D/passwd`)
	m.program("userdel", `grep -v "^$2:" $D/passwd >$D/left; cat $D/left >$D/passwd`)
	m.program("visudo", "true")
	m.program("systemctl", `case "$*" in
  "is-active"*) grep -qx active $D/unit-state ;;
  "restart"*) [ ! -e $D/broken ] || exit 1; echo active >$D/unit-state; cp $D/stackctl $D/running ;;
esac`)
	m.program("journalctl", "echo why not")
	return m
}

// Two programs that could be stackctl.
const program1, program2 = "one", "two"

func equipment(user, server, username, token string) string {
	return equipmentWith(program1, "stack", user, server, username, token)
}

func equipmentWith(program, scope, user, server, username, token string) string {
	text, err := json.Marshal(map[string]any{
		"stackctl": map[string]any{"upload": upload, "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(program)))},
		"settings": map[string]any{"deployScope": scope}, "unit": strings.TrimSpace(agentUnit),
		"deployUser": user, "deployKey": "ssh-ed25519 AAAA", "secretsKey": "-----BEGIN\nage-key\n-----END",
		"registry": map[string]any{"server": server, "username": username, "token": token},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestManagerIsEquipped(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	for range 2 {
		m.want(true, "", "docker login --username me --password-stdin ghcr.io", "manager", equipment("deploy", "ghcr.io", "me", "t0ken"))
		if keys := m.read("deploy/.ssh/authorized_keys"); keys != `restrict,command="sudo -n `+m.dir+`/stackctl ssh" ssh-ed25519 AAAA`+"\n" {
			t.Errorf("keys %q", keys)
		}
		if key := m.read("etc/secrets.key"); key != "-----BEGIN\nage-key\n-----END\n" {
			t.Errorf("the key for secrets is %q", key)
		}
		if info, err := os.Stat(filepath.Join(m.dir, "etc/secrets.key")); err != nil || info.Mode() != 0o600 {
			t.Errorf("the key for secrets: %v, %v", info, err)
		}
		if passwd := m.read("passwd"); strings.Count(passwd, "\ndeploy:") != 1 {
			t.Errorf("accounts\n%s", passwd)
		}
	}
	if strings.Contains(m.read("calls"), "age-key") {
		t.Errorf("the key for secrets is on a command line:\n%s", m.read("calls"))
	}
	if strings.Contains(m.read("calls")+m.read("registry.logins"), "t0ken") || !strings.Contains(m.read("stdin"), "t0ken") {
		t.Errorf("the token must go by standard input alone:\n%s", m.read("calls"))
	}
}

// The program is replaced in one step. The agent restarts for a new program, for a changed
// setting, and when it does not run.
func TestAgentRestartsForWhatIsNew(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	for _, step := range []struct {
		name, program, scope, called string
		spoil                        func()
	}{
		{"first", program1, "stack", "systemctl restart stackctl-agent", nil},
		{"unchanged", program1, "stack", "not systemctl restart", nil},
		{"a setting", program1, "images", "systemctl restart", nil},
		{"a new program", program2, "images", "systemctl restart", func() { m.write("home/"+upload, program2) }},
		{"it was stopped", program2, "images", "systemctl restart", func() { m.write("unit-state", "inactive") }},
		{"the copy is gone, and not needed", program2, "images", "not systemctl restart", func() { m.remove("home/" + upload) }},
	} {
		if step.spoil != nil {
			step.spoil()
		}
		m.want(true, "", step.called, "manager", equipmentWith(step.program, step.scope, "deploy", "ghcr.io", "", ""))
		if m.read("running") != step.program || !strings.Contains(m.read("etc/stackctl.json"), `"deployScope": "`+step.scope+`"`) {
			t.Errorf("%s: the agent runs %q with %s", step.name, m.read("running"), m.read("etc/stackctl.json"))
		}
	}
	if m.read("etc/stackctl-agent.service") != agentUnit {
		t.Errorf("the unit is\n%s", m.read("etc/stackctl-agent.service"))
	}
}

// A deployment under way is a process of the former program, and the installation lets it
// run to its end.
func TestInstallationCutsNoDeployment(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	former, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	m.write("home/"+upload, string(former))
	m.want(true, "", "systemctl restart", "manager", equipmentWith(string(former), "stack", "deploy", "ghcr.io", "", ""))
	deployment := exec.Command(filepath.Join(m.dir, "stackctl"), "infinity")
	if err := deployment.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- deployment.Wait() }()
	m.write("home/"+upload, program2)
	m.want(true, "", "systemctl restart stackctl-agent", "manager", equipmentWith(program2, "stack", "deploy", "ghcr.io", "", ""))
	runs, err := os.ReadFile(fmt.Sprintf("/proc/%d/exe", deployment.Process.Pid))
	if err != nil || !bytes.Equal(runs, former) || m.read("stackctl") != program2 {
		t.Errorf("it runs %d bytes (%v), installed is %q", len(runs), err, m.read("stackctl"))
	}
	for _, call := range strings.Split(m.read("calls"), "\n") {
		if strings.Contains(call, "kill") || strings.Contains(call, "systemctl") && !strings.Contains(call, "stackctl-agent") && !strings.Contains(call, "daemon-reload") {
			t.Errorf("it calls %q", call)
		}
	}
	if len(ended) > 0 {
		t.Errorf("it was cut: %v", <-ended)
		return
	}
	if err := deployment.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-ended
}

// An agent that did not start is started by the next run, with everything that is new by
// then.
func TestInterruptedEquipmentIsMadeUpFor(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.want(true, "", "systemctl restart", "manager", equipment("deploy", "ghcr.io", "", ""))
	m.write("home/"+upload, program2)
	m.write("broken", "")
	second := equipmentWith(program2, "stack", "deploy", "ghcr.io", "", "")
	m.want(false, "| why not", "systemctl restart", "manager", second)
	m.write("unit-state", "active") // the agent from before
	m.remove("broken")
	m.want(true, "", "systemctl restart", "manager", second)
	m.want(true, "", "not systemctl restart", "manager", second)
}

// The admin user could have replaced the copy, so it is installed only if it is the program
// that was meant.
func TestOnlyTheProgramThatWasMeantIsInstalled(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.want(true, "", "systemctl restart", "manager", equipment("deploy", "ghcr.io", "", ""))
	for name, spoil := range map[string]func(){
		"another program": func() { m.write("home/"+upload, "three") },
		"no program":      func() { m.remove("home/" + upload) },
	} {
		spoil()
		m.want(false, upload+` ... 'pulumi up --replace "**node-1-upload"'`, "not systemctl", "manager", equipmentWith(program2, "stack", "deploy", "ghcr.io", "", ""))
		if m.read("stackctl") != program1 || m.read("stackctl.new") != "" {
			t.Errorf("%s: installed is %q, beside it %q", name, m.read("stackctl"), m.read("stackctl.new"))
		}
	}
}

// A rule that sudo refuses would lock everybody out of sudo, so it never takes effect.
func TestRuleThatSudoRefusesIsNotInForce(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.want(true, "", "visudo --check --file "+m.dir+"/averazure-deploy.new", "manager", equipment("deploy", "ghcr.io", "", ""))
	before := m.read("averazure-deploy")
	m.program("visudo", "echo 'syntax error' >&2; exit 1")
	m.want(false, " ci: syntax error", "visudo", "manager", equipment("ci", "ghcr.io", "", ""))
	if m.read("averazure-deploy") != before || !strings.Contains(before, "deploy ALL=(root)") || m.read("averazure-deploy.new") != "" {
		t.Errorf("in force is\n%s, before it was\n%s", m.read("averazure-deploy"), before)
	}
}

// A deploy user that is no longer configured can no longer log in, even if the removal was
// interrupted. Other accounts are not touched.
func TestFormerDeployUserIsRemoved(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.want(true, "", "useradd", "manager", equipment("deploy", "ghcr.io", "", ""))
	m.program("userdel", "echo userdel: cannot lock /etc/passwd >&2; exit 1")
	m.want(false, ": userdel: cannot lock", "userdel --force deploy", "manager", equipment("ci", "ghcr.io", "", ""))
	if _, err := os.Stat(filepath.Join(m.dir, "deploy")); !os.IsNotExist(err) {
		t.Errorf("its keys are still there: %v", err)
	}
	m.program("userdel", `grep -v "^$2:" $D/passwd >$D/left; cat $D/left >$D/passwd`)
	m.want(true, " deploy\n", "userdel --force deploy", "manager", equipment("ci", "ghcr.io", "", ""))
	m.want(true, "", "not userdel", "manager", equipment("ci", "ghcr.io", "", ""))
	if passwd := m.read("passwd"); strings.Contains(passwd, "\ndeploy:") || !strings.Contains(passwd, "\nci:") || !strings.Contains(passwd, "aver:") {
		t.Errorf("accounts\n%s", passwd)
	}
	if !strings.Contains(m.read("ci/.ssh/authorized_keys"), "AAAA") {
		t.Error("the new one has no key")
	}
}

// An account that existed before has its home elsewhere. It does not get a key, which would
// not be read there, and it is not removed later.
func TestForeignAccountIsNotADeployUser(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.want(false, ": useradd: user 'aver' already exists", "not visudo", "manager", equipment("aver", "ghcr.io", "", ""))
	m.want(true, "", "not userdel", "manager", equipment("deploy", "ghcr.io", "", ""))
}
