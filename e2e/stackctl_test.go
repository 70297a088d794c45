package e2e

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/release"
)

// The managers run the stackctl that is compiled from this checkout, byte for byte. Its
// agent runs confined as the unit says, and has not failed since it was started.
func TestManagersRunTheStackctlOfThisCheckout(t *testing.T) {
	compiled, err := os.ReadFile(filepath.Join(box.project, ".build/stackctl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range box.outputs(t).Nodes {
		if n.Role != "manager" {
			continue
		}
		installed, _, _ := strings.Cut(box.exec(t, n.Name, "sha256sum", "/usr/local/sbin/stackctl"), " ")
		if want := fmt.Sprintf("%x", sha256.Sum256(compiled)); installed != want {
			t.Errorf("%s has the stackctl %s, want %s", n.Name, installed, want)
		}
		if mode := strings.TrimSpace(box.exec(t, n.Name, "stat", "-c", "%U %a", "/usr/local/sbin/stackctl")); mode != "root 755" {
			t.Errorf("%s: stackctl is %s", n.Name, mode)
		}
		mustRunTheAgent(t, n.Name)
	}
}

func mustRunTheAgent(t *testing.T, node string) {
	t.Helper()
	state := box.exec(t, node, "systemctl", "show", "stackctl-agent", "--property", "ActiveState,NRestarts,UnitFileState")
	for _, want := range []string{"ActiveState=active", "NRestarts=0", "UnitFileState=enabled"} {
		if !strings.Contains(state, want) {
			t.Errorf("%s: the agent is not %s:\n%s\n%s", node, want, state, box.exec(t, node, "journalctl", "-u", "stackctl-agent", "-n", "20", "--no-pager"))
		}
	}
	pid := strings.TrimSpace(box.exec(t, node, "systemctl", "show", "stackctl-agent", "--property", "MainPID", "--value"))
	if held := box.exec(t, node, "grep", "-E", "^(CapBnd|NoNewPrivs|Seccomp):", "/proc/"+pid+"/status"); !strings.Contains(held, "CapBnd:\t0000000000000000") ||
		!strings.Contains(held, "NoNewPrivs:\t1") || !strings.Contains(held, "Seccomp:\t2") {
		t.Errorf("%s: the agent is not confined:\n%s", node, held)
	}
}

// An agent that hangs or dies is started again. Deployments run in another process.
func TestAgentThatIsKilledComesBack(t *testing.T) {
	box.exec(t, "aver-manager", "systemctl", "kill", "--signal=KILL", "stackctl-agent")
	t.Cleanup(func() { box.exec(t, "aver-manager", "systemctl", "restart", "stackctl-agent") }) // forgets the restart
	eventually(t, 30*time.Second, "the agent is back", func() (bool, string) {
		state := box.exec(t, "aver-manager", "systemctl", "show", "stackctl-agent", "--property", "ActiveState,NRestarts")
		return strings.Contains(state, "ActiveState=active") && strings.Contains(state, "NRestarts=1"), state
	})
}

// TestSlowNewStackctlCutsNoDeployment replaces the stackctl program, as manager.sh does,
// and restarts the agent while a deployment is under way. The deployment has to succeed.
func TestSlowNewStackctlCutsNoDeployment(t *testing.T) {
	isSlow(t)
	const program = "/usr/local/sbin/stackctl"
	install := func(make string) {
		t.Helper()
		box.exec(t, first, "sh", "-ec", make+` && chmod 0755 "$1.new" && mv -f "$1.new" "$1" && systemctl restart stackctl-agent`, "sh", program)
	}
	s := newStack(t, "overtaken")
	file := fileOf(small{name: "web", deploy: "replicas: 2, update_config: {parallelism: 1, delay: 5s, monitor: 5s}"})
	s.deploy(t, file, release.Runs, 1)
	box.exec(t, first, "cp", "-p", program, program+".own")
	t.Cleanup(func() { install(`mv "$1.own" "$1.new"`) })
	done := make(chan release.Result, 1)
	go func() {
		done <- s.ask(t, strings.Replace(file, "    stop_grace_period", "    environment: {LEVEL: debug}\n    stop_grace_period", 1), "deploy", s.name)
	}()
	eventually(t, 20*time.Second, "the update is under way", func() (bool, string) {
		status := s.status(t)
		return status.Deploying != nil && status.Services[0].Update == "updating", fmt.Sprintf("%+v", status)
	})
	install(`{ cat "$1"; echo; } >"$1.new"`) // a different file that runs as before
	if len(done) > 0 {
		t.Error("the deployment was over before, which proves nothing")
	}
	s.expect(t, <-done, release.Runs, 2)
	s.mustBeWhole(t, 2)
	mustRunTheAgent(t, first)
}

// TestDiffSaysWhatWouldChange runs diff as a person on a manager does, and reads its output
// for programs.
func TestDiffSaysWhatWouldChange(t *testing.T) {
	t.Parallel()
	s := newStack(t, "compared")
	diff := func(file string) (changes []release.Change) {
		t.Helper()
		var found release.Diff
		if status, told := stackctl(t, s.bounds, &found, file, "diff", s.name); status != 0 || found.Stack != s.name {
			t.Fatalf("it ends with %d: %+v\n%s", status, found, told)
		}
		for _, change := range found.Changes {
			change.Text = ""
			changes = append(changes, change)
		}
		return changes
	}
	web := small{name: "web", more: []string{"environment: {LEVEL: info}", "networks: [front]"}}
	before := fileOf(web, small{name: "old"}) + "networks: {front: {}}\n"
	if changes := diff(before); !slices.Contains(changes, release.Change{Code: release.CodeNew, Kind: "service", Name: "compared_web"}) ||
		!slices.Contains(changes, release.Change{Code: release.CodeNew, Kind: "network", Name: "compared_front"}) {
		t.Errorf("before the first release it says %+v", changes)
	}
	s.deploy(t, before, release.Runs, 1)
	if changes := diff(before); len(changes) > 0 {
		t.Errorf("of the same file it says %+v", changes)
	}
	web.deploy, web.more[0] = "replicas: 3", "environment: {LEVEL: debug}"
	got := map[string]string{}
	for _, c := range diff(fileOf(web, small{name: "more", more: []string{"networks: [back]"}}) + "networks: {front: {}, back: {}}\n") {
		got[strings.Join([]string{c.Code, c.Kind, c.Name, c.Path}, " ")] = c.Before + " -> " + c.After
	}
	want := map[string]string{
		"field service compared_web Mode.replicas":                        "1 -> 3",
		"field service compared_web TaskTemplate.ContainerSpec.Env.LEVEL": " -> ", // values may be secret
		"new service compared_more ":                                      " -> ",
		"removed service compared_old ":                                   " -> ",
		"new network compared_back ":                                      " -> ",
		"removed network compared_default ":                               " -> ", // only the service old used it
	}
	if !maps.Equal(got, want) {
		t.Errorf("it says %v, want %v", got, want)
	}
	s.mustBeWhole(t, 1)
}

// TestLongIdleAgentCostsLittle watches the agents of all managers for a minute in which
// nothing happens.
func TestLongIdleAgentCostsLittle(t *testing.T) {
	isLong(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.whole(t.Context(), first, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	const used = `pid=$(systemctl show stackctl-agent --property MainPID --value)
awk -v hz="$(getconf CLK_TCK)" '{ printf "%s %f ", $1, ($14 + $15) / hz }' "/proc/$pid/stat"; awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$pid/status"`
	look := func(node string) (pid int, seconds, mebibytes float64) {
		t.Helper()
		out := box.exec(t, node, "sh", "-c", used)
		if _, err := fmt.Sscan(out, &pid, &seconds, &mebibytes); err != nil {
			t.Fatalf("%s: %v in %q", node, err, out)
		}
		return pid, seconds, mebibytes
	}
	type use struct {
		pid     int
		seconds float64
		began   time.Time
	}
	before := map[string]use{}
	for _, node := range managers {
		pid, seconds, _ := look(node)
		before[node] = use{pid, seconds, time.Now()}
	}
	time.Sleep(time.Minute) // the measured time
	for _, node := range managers {
		pid, seconds, mebibytes := look(node)
		was := before[node]
		minute := (seconds - was.seconds) / time.Since(was.began).Minutes()
		t.Logf("%s: %.2f CPU-seconds a minute, %.0f MiB", node, minute, mebibytes)
		if pid != was.pid || minute > 0.5 || mebibytes > 40 {
			t.Errorf("%s: agents %d and %d, %.2f CPU-seconds a minute, %.0f MiB; want 0.5 and 40 at most", node, was.pid, pid, minute, mebibytes)
		}
	}
}

// TestLongAgentThatHangsIsRestarted freezes the leader's agent: the watchdog ends it
// after three minutes, and the next agent heals.
func TestLongAgentThatHangsIsRestarted(t *testing.T) {
	isLong(t)
	leader := strings.TrimSpace(box.exec(t, first, "sh", "-c", "docker node ls --format '{{.Hostname}} {{.ManagerStatus}}' | sed -n 's/ Leader$//p'"))
	property := func(name string) string {
		return strings.TrimSpace(box.exec(t, leader, "systemctl", "show", "stackctl-agent", "--property", name, "--value"))
	}
	t.Cleanup(func() { box.exec(t, leader, "systemctl", "restart", "stackctl-agent") }) // forgets the restart
	before, restarted := property("MainPID"), property("NRestarts")
	box.exec(t, leader, "systemctl", "kill", "--kill-whom=main", "--signal=STOP", "stackctl-agent")
	stopped := time.Now()
	// After WatchdogSec systemd sends a signal, which the frozen agent does not handle.
	// After TimeoutStopSec systemd kills it.
	eventually(t, 6*time.Minute, "another agent runs", func() (bool, string) {
		pid, state, restarts := property("MainPID"), property("ActiveState"), property("NRestarts")
		return pid != before && pid != "0" && state == "active" && restarts != restarted, pid + " " + state + " " + restarts
	})
	t.Logf("another one runs after %s", time.Since(stopped).Round(time.Second))
	aver := &smallStack{name: "aver", docker: nodeDocker(t), bounds: stackBounds}
	replicas := func() uint64 { return *aver.service(t, "api").Spec.Mode.Replicated.Replicas }
	released := replicas()
	aver.update(t, "api", func(spec *swarm.ServiceSpec) { *spec.Mode.Replicated.Replicas++ })
	eventually(t, 30*time.Second, "it heals", func() (bool, string) { return replicas() == released, fmt.Sprint(replicas()) })
}
