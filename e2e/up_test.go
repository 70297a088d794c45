package e2e

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// changes matches what the engine prints of resources that it touched.
var changes = regexp.MustCompile(`(?m)^\s+[+~-]+\s?\d+ (created|updated|replaced|deleted)`)

// TestSecondUpHasNothingToDo checks what the engine did, not how long it took.
func TestSecondUpHasNothingToDo(t *testing.T) {
	if found := changes.FindAllString(box.secondUp, -1); len(found) > 0 || !strings.Contains(box.secondUp, "unchanged") {
		t.Errorf("the second up did something: %q\n%s", found, tail(box.secondUp, 30))
	}
	// Only logged, not checked: the official plugins and runtime alone take 10 to 15 s on a
	// loaded computer.
	t.Logf("second up: %s", box.secondUpTook.Round(100*time.Millisecond))
}

func TestPreviewFindsNothingToDo(t *testing.T) {
	if box.nothingToDo != nil {
		t.Error(box.nothingToDo)
	}
}

// mostSilence is the longest time in which a run may print nothing.
const mostSilence = 15 * time.Second

// TestNoRunIsSilentForLong: somebody who watches the first up, which compiles, downloads
// and builds, can always see what it is doing, also on a terminal.
func TestNoRunIsSilentForLong(t *testing.T) {
	if box.firstSilence > mostSilence {
		t.Errorf("the first up printed nothing for %s", box.firstSilence.Round(time.Second/10))
	}
	preview := box.command(t.Context(), "preview")
	var line []string
	for _, arg := range preview.Args {
		line = append(line, "'"+strings.ReplaceAll(arg, "'", `'\''`)+"'")
	}
	said := &transcript{said: time.Now()}
	terminal := exec.CommandContext(t.Context(), "script", "--quiet", "--return", "--flush", "--command", strings.Join(line, " "), "/dev/null")
	terminal.Dir, terminal.Stdout, terminal.Stderr = preview.Dir, said, said
	if err := terminal.Run(); err != nil || !strings.Contains(said.String(), "\x1b[") || said.longest > mostSilence {
		t.Errorf("on a terminal: %v, nothing was printed for %s:\n%s", err, said.longest.Round(time.Second/10), said)
	}
}

// TestRefreshFindsNoDrift runs the check that drift.yml runs once a day.
func TestRefreshFindsNoDrift(t *testing.T) {
	box.mustRun(t, "pulumi", "--", "preview", "--refresh", "--expect-no-changes", "--suppress-outputs")
}

// TestWorkersCanBeAddedAndRemoved interrupts the runs that add a worker, as Ctrl-C does, at
// one step after the other. Then the Swarm refuses the new worker once. The run after that
// has to succeed.
func TestWorkersCanBeAddedAndRemoved(t *testing.T) {
	nodes := func() string {
		return box.exec(t, "aver-manager", "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}}")
	}
	three := []string{"--config", "averazure:workers=3"}
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:workers=2") })
	box.interrupt(t, syscall.SIGINT, "VirtualMachine aver-worker-3 creating", append([]string{"up"}, three...)...)
	box.interrupt(t, syscall.SIGINT, "aver-worker-3-prepare creating", append([]string{"up"}, three...)...)

	box.exec(t, "aver-manager", "docker", "swarm", "join-token", "--rotate", "--quiet", "worker")
	mustFailUp(t, []string{"aver-worker-3: swarm join:", "join token", "--replace '**-init'"}, three)
	box.interrupt(t, syscall.SIGINT, "aver-worker-3-join creating", append([]string{"pulumi"}, append(three, "--", "up", "--yes", "--replace", "**-init")...)...)
	box.mustRun(t, append([]string{"up"}, three...)...)
	if found := nodes(); !strings.Contains(found, "aver-worker-3 Ready") {
		t.Errorf("the third worker has not joined:\n%s", found)
	}
	box.mustRun(t, "up", "--config", "averazure:workers=2")
	if found := nodes(); strings.Contains(found, "aver-worker-3") {
		t.Errorf("the third worker is still in the Swarm:\n%s", found)
	}
}

// TestNodeWithASwappedHostKeyIsRefused gives a worker another host key and asks for a
// change on every node. The program must not log in to that worker, and makes its change
// there once the node's own key is back.
func TestNodeWithASwappedHostKeyIsRefused(t *testing.T) {
	const swapped, mirror = "aver-worker-2", "https://mirror.example.com"
	const key = "/etc/ssh/ssh_host_ed25519_key"
	restore := func() {
		box.exec(t, swapped, "sh", "-c", "if [ -f "+key+".own ]; then mv "+key+".own "+key+" && mv "+key+".pub.own "+key+".pub && systemctl restart ssh; fi")
	}
	t.Cleanup(func() {
		restore()
		box.mustRun(t, "up")
	})
	box.exec(t, swapped, "sh", "-c", "mv "+key+" "+key+".own && mv "+key+".pub "+key+".pub.own && "+
		"ssh-keygen -q -t ed25519 -N '' -f "+key+" && systemctl restart ssh")
	since := strings.TrimSpace(box.exec(t, swapped, "date", "+%F %T"))
	// By identifier: if a process ends at once, the journal may not learn in which unit it
	// ran (systemd #2913), and `-u ssh` leaves its lines out.
	log := func() string {
		return box.exec(t, swapped, "journalctl", "-t", "sshd", "-t", "sshd-session", "--since", since, "--no-pager")
	}
	before := box.exec(t, swapped, "cat", "/etc/docker/daemon.json")

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := box.run(ctx, 10*time.Minute, "pulumi", "--config", "averazure:registryMirrors[1]="+mirror, "--", "up", "--yes")
		done <- err
	}()
	// The run would try for five minutes; Ctrl-C ends it.
	end := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	defer end()
	// Wait until a client has connected, seen the key and left.
	eventually(t, 2*time.Minute, "a connection to the node that ends before a login", func() (bool, string) {
		return strings.Contains(log(), "[preauth]"), log()
	})
	if after := box.exec(t, swapped, "cat", "/etc/docker/daemon.json"); after != before {
		t.Errorf("the program changed a node whose host key is not its own:\n%s", after)
	}
	if strings.Contains(log(), "Accepted publickey") {
		t.Errorf("the program logged in to a node whose host key is not its own:\n%s", log())
	}
	if end() == nil {
		t.Error("up ended well though a node's host key is not its own")
	}
}
