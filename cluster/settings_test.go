package cluster

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// settingsDocker is a node in a Swarm with as many managers as `managers` has lines.
const settingsDocker = `case "$*" in
  *"{{.Swarm.LocalNodeState}} "*) echo "$(cat $D/state) somehow" ;;
  *LocalNodeState*) cat $D/state ;;
  *ControlAvailable*) if [ -e $D/managers ]; then echo true; else echo false; fi ;;
  "node ls"*) cat $D/managers ;;
  "node inspect"*) echo reachable ;;
  "node ps self --filter desired-state=running --quiet") cat $D/meant ;;
  "ps "*) cat $D/tasks ;;
esac`

const (
	oldSettings = "{\n  \"log-opts\": {\n    \"max-size\": \"10m\"\n  },\n  \"registry-mirrors\": []\n}\n"
	newMirrors  = "{\n  \"log-opts\": {\n    \"max-size\": \"10m\"\n  },\n  \"registry-mirrors\": [\n    \"https://m\"\n  ]\n}\n"
	newLogs     = "{\n  \"log-opts\": {\n    \"max-size\": \"20m\"\n  },\n  \"registry-mirrors\": []\n}\n"
)

// newNode is what a host is prepared with: settings, and what watches the disk.
const newNode = newLogs + "---\necho the disk is fine\n---\necho nothing is due\n"

// alone is a stackctl when nobody deploys.
const alone = `shift 4; "$@"`

func settingsMachine(t *testing.T, state, managers string) *machine {
	m := newMachine(t, settingsDocker)
	m.write("state", state)
	m.write("tasks", "Up 2 hours\nUp 1 hour (healthy)\n")
	if managers != "" {
		m.write("managers", managers)
	}
	m.program("systemctl", "true")
	m.program("stackctl", alone)
	m.program("journalctl", "echo why not")
	m.write("etc/daemon.json", oldSettings)
	m.write("daemon.json", oldSettings)
	return m
}

func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		state, managers, input string
		ok                     bool
		said, called           string
	}{
		"same":             {"pending", "", oldSettings, true, "", "not systemctl"},
		"mirrors":          {"pending", "Leader\n", newMirrors, true, "", "systemctl reload docker"},
		"worker":           {"active", "", newLogs, true, "", "systemctl restart docker"},
		"sole manager":     {"active", "Leader\n", newLogs, true, "", "systemctl restart docker"},
		"one of three":     {"active", "Leader\nReachable\nReachable\n", newLogs, true, "", "systemctl restart docker"},
		"one of two":       {"active", "Leader\nReachable\nUnreachable\n", newLogs, false, " 1 of 3 managers", "not systemctl"},
		"outside a Swarm":  {"inactive", "", newLogs, false, ": inactive somehow", "not systemctl"},
		"still on its way": {"pending", "", newLogs, false, "90 s: pending somehow", "not systemctl"},
	} {
		t.Run(name, func(t *testing.T) {
			m := settingsMachine(t, test.state, test.managers)
			m.want(test.ok, test.said, test.called, "settings", test.input)
			want := oldSettings
			if test.ok {
				want = test.input
			}
			if m.read("daemon.json") != want || m.read("etc/daemon.json") != want {
				t.Errorf("in use are\n%s, in the file\n%s", m.read("daemon.json"), m.read("etc/daemon.json"))
			}
		})
	}
}

// What a killed deployment left is stackctl's to judge.
func TestSettingsWaitForADeployment(t *testing.T) {
	m := settingsMachine(t, "active", "Leader\n")
	m.program("stackctl", "echo 'stackctl: aver-deploying: aver-manager-2 is at it' >&2; exit 3")
	m.want(false, "(stackctl: aver-deploying: aver-manager-2 is at it)", "not \nsystemctl", "settings", newLogs)
	if calls := m.read("calls"); !strings.Contains(calls, "stackctl alone --wait 120s -- bash -c ") || m.read("etc/daemon.json") != oldSettings || m.read("etc/daemon.json.next") != "" {
		t.Errorf("it wrote %s and called\n%s", m.read("etc/daemon.json"), calls)
	}
	m.program("stackctl", "echo 'stackctl: no leader' >&2; exit 1")
	m.want(false, "stackctl: no leader", "not \nsystemctl", "settings", newLogs)
	m.program("stackctl", alone)
	m.want(true, "", "systemctl restart", "settings", newLogs)
	// A worker has no stackctl.
	worker := settingsMachine(t, "active", "")
	worker.program("stackctl", "exit 1")
	worker.want(true, "", "not stackctl", "settings", newLogs)
}

// On a manager too, what Docker says is shown, and not stackctl's word for it.
func TestFailedRestartOfAManagerIsDockers(t *testing.T) {
	m := settingsMachine(t, "active", "Leader\n")
	m.program("systemctl", "exit 1")
	m.want(false, "| why not", "systemctl restart", "settings", newLogs)
	if m.read("daemon.json") != oldSettings {
		t.Error("the settings count as applied")
	}
}

// A restart that fails is tried again the next time, since `applied` is last.
func TestInterruptedSettingsAreMadeUpFor(t *testing.T) {
	m := settingsMachine(t, "active", "")
	m.program("systemctl", "exit 1")
	m.want(false, "| why not", "systemctl restart", "settings", newLogs)
	m.program("systemctl", "true")
	m.want(true, "", "systemctl restart", "settings", newLogs)
	m.want(true, "", "not systemctl", "settings", newLogs)
}

// What moved while Docker restarted does not come back, so nobody waits for it.
func TestSettingsWaitOnlyForTasksThatAreMeantToRunThere(t *testing.T) {
	const waits = "'docker node ps node-1'"
	for _, test := range []struct {
		managers, tasks, meant string
		said                   string
	}{
		{"Leader\n", "Up 1 second\n", "a\n", ""},
		{"Leader\n", "", "", ""},
		{"Leader\n", "Up 1 second\n", "a\nb\n", waits},
		{"Leader\n", "Up 1 second (health: starting)\n", "a\n", waits},
		{"", "", "", ""},
		{"", "Up 1 second\n", "", ""},
		{"", "Up 1 second (health: starting)\n", "", waits},
	} {
		m := settingsMachine(t, "active", test.managers)
		m.program("systemctl", "cp $D/after $D/tasks")
		m.write("after", test.tasks)
		m.write("meant", test.meant)
		out, err := m.run("settings", newLogs)
		if err != nil || !strings.Contains(out, test.said) || strings.Contains(out, waits) != (test.said == waits) {
			t.Errorf("%+v: %v\n%s", test, err, out)
		}
	}
}

func TestForeignSettingsStayAndLostTasksAreToldOf(t *testing.T) {
	m := settingsMachine(t, "active", "")
	m.write("etc/daemon.json", `{"debug":true}`)
	m.program("systemctl", "echo 'Up 1 second (health: starting)' >$D/tasks")
	m.want(true, "'docker node ps node-1'", "systemctl restart", "settings", newLogs)
	if !strings.Contains(m.read("etc/daemon.json"), `"debug": true`) {
		t.Errorf("the file is\n%s", m.read("etc/daemon.json"))
	}
	m.write("etc/daemon.json", "{")
	m.want(false, "etc/daemon.json", "not systemctl", "settings", newLogs)
}

// prepareMachine is one whose Docker is in a state of systemd's, and where
// packages are missing or not.
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

// A Docker that runs is not touched, and nobody claims that it knows our settings.
func TestPreparationLeavesARunningDockerAlone(t *testing.T) {
	for installed, called := range map[string]string{"installed": "not apt-get", "no": "apt-get"} {
		m := prepareMachine(t, "active", installed)
		m.want(true, "26.1.5", called, "prepare", newNode, "yes")
		if m.read("daemon.json") != "" || m.read("etc/daemon.json") != "" || touchesDocker.MatchString(m.read("calls")) {
			t.Errorf("packages %s: it wrote %q, did\n%s", installed, m.read("daemon.json"), m.read("calls"))
		}
	}
}

func TestPreparationConfiguresADockerThatIsToStart(t *testing.T) {
	for installed, called := range map[string]string{"installed": "not apt-get", "no": "apt-get"} {
		m := prepareMachine(t, "inactive", installed)
		m.want(true, "26.1.5", called, "prepare", newNode, "yes")
		if m.read("daemon.json") != newLogs || m.read("etc/daemon.json") != newLogs || touchesDocker.MatchString(m.read("calls")) {
			t.Errorf("packages %s: it wrote %q and %q, did\n%s", installed, m.read("daemon.json"), m.read("etc/daemon.json"), m.read("calls"))
		}
	}
}

// The timer runs what was sent, about this node.
func TestPreparationWatchesTheDisk(t *testing.T) {
	m := prepareMachine(t, "active", "installed")
	m.want(true, "26.1.5", "systemctl enable --quiet --now averazure-disk.timer", "prepare", newNode, "yes")
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

// diskDocker is a docker whose engine has the labels in a file.
const diskDocker = `echo "{\"DockerRootDir\":\"/var/lib/docker\",\"Labels\":$(cat $D/labels)}"`

// TestDisk: a label from 90 %, none under 85, and nothing for a small change. Docker
// is reloaded only for another one, and settings.sh sees no difference.
func TestDisk(t *testing.T) {
	m := newMachine(t, diskDocker)
	m.write("labels", `["site=north"]`)
	m.write("etc/daemon.json", strings.Replace(oldSettings, "{", `{"labels":["site=north"],`, 1))
	m.write("daemon.json", oldSettings)
	m.program("systemctl", `jq -c .labels $D/etc/daemon.json >$D/labels`)
	for _, step := range []struct {
		used   int
		called string
		labels string
	}{
		{89, "not systemctl", `["site=north"]`},
		{90, "systemctl reload docker", `["site=north","averazure.disk=90"]`},
		{92, "not systemctl", `["site=north","averazure.disk=90"]`},
		{96, "systemctl reload docker", `["site=north","averazure.disk=96"]`},
		{85, "systemctl reload docker", `["site=north","averazure.disk=85"]`},
		{84, "systemctl reload docker", `["site=north"]`},
		{84, "not systemctl", `["site=north"]`},
		{100, "systemctl reload docker", `["site=north","averazure.disk=100"]`},
	} {
		m.program("df", fmt.Sprintf(`[ "$*" = "--output=pcent /var/lib/docker" ] && printf 'Use%%%%\n %d%%%%\n'`, step.used))
		m.want(true, "", step.called, "disk", "")
		if labels := strings.TrimSpace(m.read("labels")); labels != step.labels {
			t.Errorf("at %d %% the labels are %s, want %s", step.used, labels, step.labels)
		}
	}
	if text := m.read("etc/daemon.json"); !strings.Contains(text, `"max-size": "10m"`) || !strings.Contains(m.read("daemon.json"), "averazure.disk=100") {
		t.Errorf("the settings are\n%s and the copy\n%s", text, m.read("daemon.json"))
	}
}

// TestDiskGivesWay where Docker is away, has no settings of ours, or gets new ones;
// and starts no restart of it.
func TestDiskGivesWay(t *testing.T) {
	m := settingsMachine(t, "active", "")
	m.program("df", `echo 95%`)
	m.program("docker", "exit 1")
	m.want(true, "", "not systemctl", "disk", "")
	m.program("docker", diskDocker)
	m.write("labels", "null")
	m.remove("daemon.json")
	m.want(true, "", "not systemctl", "disk", "")
	m.write("daemon.json", oldSettings)
	m.program("systemctl", "exit 1")
	m.want(false, "'journalctl -u docker'", "systemctl reload docker", "disk", "")
	// It is in the settings, and not in Docker: the next run makes up for that.
	m.program("systemctl", "true")
	m.want(true, "95 %", "systemctl reload docker", "disk", "")
	m.program("docker", settingsDocker)
	m.want(true, "", "not systemctl", "settings", oldSettings)
	m.want(true, "", "systemctl reload docker", "settings", newMirrors)
	if calls := m.read("calls"); strings.Contains(calls, "systemctl restart") {
		t.Errorf("new mirrors restart Docker:\n%s", calls)
	}
}

// Containers must not reach what Azure answers to VMs, on a node that is
// prepared already either.
func TestPreparationKeepsContainersOut(t *testing.T) {
	m := prepareMachine(t, "active", "installed")
	m.want(true, "26.1.5", "systemctl restart averazure-metadata.service", "prepare", newNode, "yes")
	if calls := m.read("calls"); !strings.Contains(calls, "systemctl enable --quiet averazure-metadata.service") {
		t.Errorf("a reboot takes the rules away; it called\n%s", calls)
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
