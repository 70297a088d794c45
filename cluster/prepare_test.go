package cluster

import (
	"regexp"
	"strings"
	"testing"
)

// prepareMachine is a machine whose Docker is in the given state of systemd, and where
// packages are installed or missing.
func prepareMachine(t *testing.T, unit, installed string) *machine {
	m := newMachine(t, "echo 26.1.5")
	m.write("unit", unit)
	m.program("systemctl", `case "$1" in show) cat $D/unit ;; esac`)
	m.program("dpkg-query", "echo "+installed)
	for _, name := range []string{"apt-get", "cloud-init", "dpkg"} {
		m.program(name, "true")
	}
	return m
}

var touchesDocker = regexp.MustCompile(`systemctl re\S+ docker`)

// A running Docker is not touched, and it is not recorded as having our settings.
func TestPreparationLeavesARunningDockerAlone(t *testing.T) {
	t.Parallel()
	for installed, called := range map[string]string{"installed": "not apt-get", "no": "apt-get"} {
		m := prepareMachine(t, "active", installed)
		m.want(true, "26.1.5", called, "prepare", newNode, "yes")
		if m.read("daemon.json") != "" || m.read("etc/daemon.json") != "" || touchesDocker.MatchString(m.read("calls")) {
			t.Errorf("packages %s: it wrote %q, did\n%s", installed, m.read("daemon.json"), m.read("calls"))
		}
	}
}

func TestPreparationConfiguresADockerThatIsToStart(t *testing.T) {
	t.Parallel()
	for installed, called := range map[string]string{"installed": "not apt-get", "no": "apt-get"} {
		m := prepareMachine(t, "inactive", installed)
		m.want(true, "26.1.5", called, "prepare", newNode, "yes")
		if m.read("daemon.json") != newLogs || m.read("etc/daemon.json") != newLogs || touchesDocker.MatchString(m.read("calls")) {
			t.Errorf("packages %s: it wrote %q and %q, did\n%s", installed, m.read("daemon.json"), m.read("etc/daemon.json"), m.read("calls"))
		}
	}
}

// Each timer runs the script that was sent for it, with this node's name.
func TestPreparationWatchesTheDisk(t *testing.T) {
	t.Parallel()
	m := prepareMachine(t, "active", "installed")
	m.want(true, "26.1.5", "systemctl start averazure-disk.timer averazure-reboot.timer", "prepare", newNode, "yes")
	if program := m.read("averazure-disk"); strings.TrimSpace(program) != "echo the disk is fine" {
		t.Errorf("the program is\n%s", program)
	}
	if unit := m.read("etc/averazure-disk.service"); !strings.Contains(unit, "ExecStart="+m.dir+"/averazure-disk node-1\n") {
		t.Errorf("the unit is\n%s", unit)
	}
	if program := m.read("averazure-reboot"); strings.TrimSpace(program) != "echo nothing is due" {
		t.Errorf("the other program is\n%s", program)
	}
	if unit := m.read("etc/averazure-reboot.service"); !strings.Contains(unit, "ExecStart="+m.dir+"/averazure-reboot node-1 yes\n") {
		t.Errorf("its unit is\n%s", unit)
	}
}

// Containers must not reach the addresses at which Azure answers VMs, not even on a node
// that was prepared earlier.
func TestPreparationKeepsContainersOut(t *testing.T) {
	t.Parallel()
	m := prepareMachine(t, "active", "installed")
	m.want(true, "26.1.5", "systemctl restart averazure-metadata.service", "prepare", newNode, "yes")
	if calls := m.read("calls"); !says(calls, "systemctl enable --quiet --no-reload averazure-metadata.service averazure-disk.timer averazure-reboot.timer ... systemctl daemon-reload") {
		t.Errorf("a reboot takes the rules or the timers away; it called\n%s", calls)
	}
	rules := m.read("etc/metadata.nft")
	if !strings.Contains(rules, "hook forward") || strings.Index(rules, "dport 53 accept") > strings.Index(rules, "} reject") {
		t.Errorf("the rules are\n%s", rules)
	}
	if unit := m.read("etc/averazure-metadata.service"); !strings.Contains(unit, "ExecStart=/usr/sbin/nft -f "+m.dir+"/etc/metadata.nft\n") {
		t.Errorf("the unit is\n%s", unit)
	}
	m.program("systemctl", `case "$*" in show*) echo active ;; "restart averazure"*) exit 1 ;; esac`)
	m.want(false, "'journalctl -u averazure-metadata.service'", "not docker version", "prepare", newNode, "yes")
}
