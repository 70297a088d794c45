package cluster

import (
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

// newNode is the input with which a host is prepared: settings, and the scripts of both
// watches.
const newNode = newLogs + "---\necho the disk is fine\n---\necho nothing is due\n"

// alone is a stackctl that finds no deployment under way.
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
	t.Parallel()
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

// Settings wait for a deployment. stackctl decides what the leftovers of a killed
// deployment mean.
func TestSettingsWaitForADeployment(t *testing.T) {
	t.Parallel()
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

// On a manager too, the error shows what Docker says, not what stackctl says about it.
func TestFailedRestartOfAManagerIsDockers(t *testing.T) {
	t.Parallel()
	m := settingsMachine(t, "active", "Leader\n")
	m.program("systemctl", "exit 1")
	m.want(false, "| why not", "systemctl restart", "settings", newLogs)
	if m.read("daemon.json") != oldSettings {
		t.Error("the settings count as applied")
	}
}

// A restart that fails is tried again by the next run, since `applied` is written last.
func TestInterruptedSettingsAreMadeUpFor(t *testing.T) {
	t.Parallel()
	m := settingsMachine(t, "active", "")
	m.program("systemctl", "exit 1")
	m.want(false, "| why not", "systemctl restart", "settings", newLogs)
	m.program("systemctl", "true")
	m.want(true, "", "systemctl restart", "settings", newLogs)
	m.want(true, "", "not systemctl", "settings", newLogs)
}

// Tasks that moved away while Docker restarted do not come back, so the script does not
// wait for them.
func TestSettingsWaitOnlyForTasksThatAreMeantToRunThere(t *testing.T) {
	t.Parallel()
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

func TestForeignSettingsStayAndLostTasksAreReported(t *testing.T) {
	t.Parallel()
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
