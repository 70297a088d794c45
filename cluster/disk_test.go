package cluster

import (
	"fmt"
	"strings"
	"testing"
)

// diskDocker is a docker whose engine has the labels that are in a file.
const diskDocker = `echo "{\"DockerRootDir\":\"/var/lib/docker\",\"Labels\":$(cat $D/labels)}"`

// TestDisk: the node gets a label from 90 % on and loses it under 85 %, and a small change
// does not matter. Docker is reloaded only when the label changes, and settings.sh sees no
// difference.
func TestDisk(t *testing.T) {
	t.Parallel()
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

// TestDiskCheckMakesWay: the disk check makes way where Docker is away, has no settings of
// ours, or gets new ones. It causes no restart of Docker.
func TestDiskCheckMakesWay(t *testing.T) {
	t.Parallel()
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
	// The label is in the settings, but Docker does not have it yet: the next run makes up
	// for that.
	m.program("systemctl", "true")
	m.want(true, "95 %", "systemctl reload docker", "disk", "")
	m.program("docker", settingsDocker)
	m.want(true, "", "not systemctl", "settings", oldSettings)
	m.want(true, "", "systemctl reload docker", "settings", newMirrors)
	if calls := m.read("calls"); strings.Contains(calls, "systemctl restart") {
		t.Errorf("new mirrors restart Docker:\n%s", calls)
	}
}
