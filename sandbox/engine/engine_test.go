package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func silent(string, ...any) {}

func TestAnEngineElsewhereIsRefused(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
	_, err := Find(context.Background(), Options{CacheDir: t.TempDir(), Log: silent})
	if err == nil || !strings.Contains(err.Error(), "DOCKER_HOST is tcp://192.0.2.1:2375") {
		t.Errorf("the error is %v", err)
	}
}

func TestADeadDockerHostIsNotReplacedSilently(t *testing.T) {
	host := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	t.Setenv("DOCKER_HOST", host)
	_, err := Find(context.Background(), Options{CacheDir: t.TempDir(), Log: silent})
	if err == nil || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "unset it") {
		t.Errorf("the error is %v", err)
	}
}

func TestMissingPackages(t *testing.T) {
	programs := map[string]string{"dockerd": "docker.io", "iptables": "iptables", "tar": "tar"}
	got := missingPackages(programs, func(program string) bool { return program == "tar" })
	if want := []string{"docker.io", "iptables"}; !reflect.DeepEqual(got, want) {
		t.Errorf("missing are %v, want %v", got, want)
	}
}

func TestLastLines(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", 2, "b\nc"},
		{"a\nb", 5, "a\nb"},
		{"", 3, ""},
	} {
		if got := LastLines(test.text, test.n); got != test.want {
			t.Errorf("the last %d lines of %q are %q, want %q", test.n, test.text, got, test.want)
		}
	}
}

func TestADaemonKeepsToItsOwnPlaces(t *testing.T) {
	d := newDaemon("/run/x", "/cache/engine", silent)
	got := strings.Join(d.args(), " ")
	for _, want := range []string{"--data-root /cache/engine", "--exec-root /run/x/exec", "--pidfile /run/x/docker.pid", "--host unix:///run/x/docker.sock"} {
		if !strings.Contains(got, want) {
			t.Errorf("the arguments are %q, without %q", got, want)
		}
	}
}

func TestADaemonThatEndsAtOnceSaysWhy(t *testing.T) {
	dir := t.TempDir()
	d := newDaemon(dir, dir, silent)
	if err := os.WriteFile(d.logfile(), []byte("no such storage driver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ended <- fmt.Errorf("exit status 1")
	_, err := d.await(context.Background(), ended)
	if err == nil || !strings.Contains(err.Error(), "no such storage driver") {
		t.Errorf("the error is %v", err)
	}
}

// leftover starts a process whose command line has the mark.
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
	for !hasMark(cmd.Process.Pid, mark) {
		time.Sleep(time.Millisecond) // until the shell has replaced the test's own image
	}
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

func TestMountsBelow(t *testing.T) {
	table := "/dev/vda /cache/engine ext4 rw 0 0\noverlay /cache/engine/overlay2/a/merged overlay rw 0 0\n" +
		"tmpfs /cache/engine-other tmpfs rw 0 0\n" +
		"shm /run/x/exec/containers/b/shm tmpfs rw 0 0\nshort\n"
	want := []string{"/cache/engine", "/cache/engine/overlay2/a/merged", "/run/x/exec/containers/b/shm"}
	if got := mountsBelow(table, "/cache/engine", "/run/x/exec"); !reflect.DeepEqual(got, want) {
		t.Errorf("mounts are %v, want %v", got, want)
	}
}

func TestChainRemovalsTakeRulesBeforeChains(t *testing.T) {
	listing := "-P FORWARD ACCEPT\n-N DOCKER\n-N MINE\n" +
		"-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n" +
		"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n" +
		"-A MINE -j ACCEPT\n"
	want := [][]string{
		strings.Fields("-D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"),
		strings.Fields("-D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"),
		{"-X", "DOCKER"},
	}
	if got := chainRemovals(listing); !reflect.DeepEqual(got, want) {
		t.Errorf("removals are %v, want %v", got, want)
	}
}

func TestOneAtATimeHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := lock(short, dir); err == nil {
		t.Error("two hold the lock")
	}
	unlock()
	again, err := lock(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
