package cluster

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rebootDocker is a docker with labels, the order to reboot, and tasks, each in a file.
const rebootDocker = `case "$*" in
  "ps --all"*) cat $D/order ;;
  "ps --filter"*) cat $D/tasks ;;
  "image inspect"*) [ -e $D/image ] ;;
  "import -"*) cat >/dev/null; touch $D/image ;;
  "info"*) echo "{\"Labels\":$(cat $D/labels)}" ;;
  esac`

// rebootMachine is a machine that booted at noon, on a day in 2026.
func rebootMachine(t *testing.T) *machine {
	m := newMachine(t, rebootDocker)
	m.write("labels", "null")
	m.write("order", "")
	m.write("tasks", "")
	m.write("policy", "docker.io:\n  Installed: 26.1.5\n  Candidate: 26.1.5\ncontainerd:\n  Installed: 1.7\n  Candidate: 1.7\n")
	m.write("etc/daemon.json", oldSettings)
	m.write("daemon.json", oldSettings)
	m.program("systemctl", `case "$1" in
		reload) jq -c .labels $D/etc/daemon.json >$D/labels ;;
		show) echo Fri 2026-11-27 12:00:00 UTC ;;
		esac`)
	m.program("dpkg-query", `case "$*" in *docker.io|*containerd) echo installed ;; esac`)
	m.program("apt-mark", `case "$1" in showhold) cat $D/on-hold 2>/dev/null ;; hold) shift; printf '%s\n' "$@" >>$D/on-hold ;; unhold) rm -f $D/on-hold ;; esac; true`)
	m.program("apt-cache", "cat $D/policy")
	m.program("apt-get", "true")
	return m
}

// While the node has to reboot, a label says what for. Docker is reloaded only when the
// label changes.
func TestNodeSaysWhatItHasToRebootFor(t *testing.T) {
	t.Parallel()
	m := rebootMachine(t)
	m.want(true, "", "not systemctl", "reboot", "", "yes")
	m.write("reboot-required", "*** System restart required ***\n")
	m.want(true, ": updates\n", "systemctl reload docker", "reboot", "", "yes")
	m.write("reboot-required.pkgs", "linux-image-6.12\nlibc6\nlibc6\n")
	m.want(true, ": libc6 linux-image-6.12\n", "systemctl reload docker", "reboot", "", "yes")
	m.want(true, "", "not systemctl", "reboot", "", "yes")
	m.write("policy", "docker.io:\n  Installed: 26.1.5\n  Candidate: 26.1.6\n")
	m.want(true, ": docker.io libc6 linux-image-6.12\n", "systemctl reload docker", "reboot", "", "yes")
	m.remove("reboot-required")
	m.want(true, ": docker.io\n", "systemctl reload docker", "reboot", "", "yes")
	m.write("policy", "")
	m.want(true, "", "systemctl reload docker", "reboot", "", "yes")
	if labels := strings.TrimSpace(m.read("labels")); labels != "[]" {
		t.Errorf("the labels are %s", labels)
	}
	m.want(true, "", "not systemctl", "reboot", "", "yes")
}

// The timers of both watches fire together, so each watch waits for the other.
func TestWatchesWaitForEachOther(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"reboot", "disk"} {
		m := rebootMachine(t)
		m.program("df", "printf 'Use%%\\n95%%\\n'")
		m.write("reboot-required", "")
		other := exec.Command("flock", filepath.Join(m.dir, "averazure-settings-node-1.lock"), "sh", "-c", "echo held; exec sleep 1")
		held, err := other.StdoutPipe()
		if err == nil {
			err = other.Start()
		}
		if err == nil {
			_, err = held.Read(make([]byte, 1))
		}
		if err != nil {
			t.Fatal(err)
		}
		m.want(true, "", "systemctl reload docker", script, "", "yes")
		if err := other.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// A node reboots when it has to, has the order, and runs no task. An order from before the
// boot does not count.
func TestNodeRebootsInItsTurnOnly(t *testing.T) {
	t.Parallel()
	const after, before = "2026-11-27 12:10:00 +0000 UTC\n", "2026-11-27 11:50:00 +0000 UTC\n"
	for name, test := range map[string]struct {
		due, order, tasks string
		reboots           bool
	}{
		"in its turn":               {"yes", after, "averazure-reboot\n", true},
		"nothing runs":              {"yes", after, "", true},
		"a task runs":               {"yes", after, "averazure-reboot\naver_api\n", false},
		"no order":                  {"yes", "", "", false},
		"an order from before":      {"yes", before, "", false},
		"an order, and nothing due": {"", after, "", false},
	} {
		m := rebootMachine(t)
		if test.due != "" {
			m.write("reboot-required", "")
		}
		m.write("order", test.order)
		m.write("tasks", test.tasks)
		called := "not systemctl reboot"
		if test.reboots {
			called = "systemctl reboot"
		}
		t.Run(name, func(t *testing.T) { m.want(true, "", called, "reboot", "", "yes") })
	}
	m := rebootMachine(t)
	m.write("reboot-required", "")
	m.write("order", after)
	m.program("docker", strings.Replace(rebootDocker, "cat $D/tasks", "exit 1", 1))
	m.want(true, "", "not systemctl reboot", "reboot", "", "yes")
}

// Docker's packages are held where there is a maintenance window, and updated only in the
// node's turn. A hold that somebody else set stays.
func TestDockerIsUpdatedInTheNodesTurn(t *testing.T) {
	t.Parallel()
	m := rebootMachine(t)
	m.write("on-hold", "containerd\n")
	m.write("policy", "docker.io:\n  Installed: 26.1.5\n  Candidate: 26.1.6\n")
	m.want(true, ": docker.io\n", "apt-mark hold docker.io", "reboot", "", "yes")
	if held := m.read("held.packages"); held != "docker.io\n" {
		t.Errorf("it noted %q", held)
	}
	m.want(true, "", "not apt-get", "reboot", "", "yes")
	m.write("order", "2026-11-27 12:10:00 +0000 UTC\n")
	m.want(true, " docker.io\n", "apt-get -qy --only-upgrade --allow-change-held-packages", "reboot", "", "yes")
	m.want(true, " docker.io\n", "systemctl reboot", "reboot", "", "yes")
	m.want(true, "", "apt-mark unhold docker.io", "reboot", "", "no")
	m.want(true, "", "not apt-mark unhold", "reboot", "", "no")
}
