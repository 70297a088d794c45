package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// leftover starts a process with the mark in its command line.
func leftover(t *testing.T, mark string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do sleep 0.05; done", mark)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s until %s", what)
		}
	}
}

func pidfileOf(t *testing.T, pid any) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "docker.pid")
	if err := os.WriteFile(file, fmt.Append(nil, pid), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLeftoversOfOursAreEnded(t *testing.T) {
	mark := t.TempDir()
	cmd := leftover(t, mark)
	waitUntil(t, "the shell has replaced the test's own image", func() bool { return hasMark(cmd.Process.Pid, mark) })
	file := pidfileOf(t, cmd.Process.Pid)
	if err := endLeftover(context.Background(), file, mark); err != nil {
		t.Fatal(err)
	}
	if hasMark(cmd.Process.Pid, mark) {
		t.Error("the process lives")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the pidfile is still there")
	}
}

func TestAProcessThatInheritedTheNumberIsSpared(t *testing.T) {
	cmd := leftover(t, "somebody else's")
	file := pidfileOf(t, cmd.Process.Pid)
	if err := endLeftover(context.Background(), file, "/cache/engine"); err != nil {
		t.Fatal(err)
	}
	if !hasMark(cmd.Process.Pid, "sleep") {
		t.Error("a process that is not ours was ended")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the stale pidfile is still there")
	}
}

func TestDamagedPidfilesAreRemoved(t *testing.T) {
	file := pidfileOf(t, "nonsense")
	if err := endLeftover(context.Background(), file, "x"); err != nil {
		t.Fatal(err)
	}
	if err := endLeftover(context.Background(), file, "x"); err != nil {
		t.Errorf("without a pidfile: %v", err)
	}
}

func TestAPidfileStaysWhileItsProcessLives(t *testing.T) {
	mark := t.TempDir()
	ready := filepath.Join(mark, "ready")
	cmd := exec.Command("sh", "-c", "trap '' TERM; : > "+ready+"; while :; do sleep 0.05; done", mark)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { cmd.Process.Kill() })
	waitUntil(t, "it is deaf", func() bool { _, err := os.Stat(ready); return err == nil })
	file := pidfileOf(t, cmd.Process.Pid)
	ended, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := endLeftover(ended, file, mark); err == nil {
		t.Error("a process that lives counts as ended")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("nobody finds the process again")
	}
}

func TestTheMarkDoesNotDependOnTheCache(t *testing.T) {
	d := newDaemon(t.TempDir(), "/this/users/cache", silent)
	other := newDaemon(d.run, "/another/users/cache", silent)
	cmd := exec.Command("sh", append([]string{"-c", "while :; do sleep 0.05; done", "dockerd"}, other.args()...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { cmd.Process.Kill() })
	waitUntil(t, "it runs", func() bool { return hasMark(cmd.Process.Pid, "dockerd") })
	if err := os.WriteFile(d.pidfile(), fmt.Append(nil, cmd.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.clear(context.Background()); err != nil {
		t.Fatal(err)
	}
	if hasMark(cmd.Process.Pid, "dockerd") {
		t.Error("an engine that another user's run started is not found")
	}
}

func TestMountsBelow(t *testing.T) {
	table := "/dev/vda /cache/engine ext4 rw 0 0\noverlay /cache/engine/overlay2/a/merged overlay rw 0 0\n" +
		"tmpfs /cache/engine-other tmpfs rw 0 0\n" +
		"shm /run/x/exec/containers/b/shm tmpfs rw 0 0\nshort\n"
	want := []string{"/cache/engine", "/cache/engine/overlay2/a/merged", "/run/x/exec/containers/b/shm"}
	if got := mountsBelow(table, "/cache/engine", "/run/x/exec"); !reflect.DeepEqual(got, want) {
		t.Errorf("mounts are %v, want %v", got, want)
	}
}
