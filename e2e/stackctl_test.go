package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The managers run the stackctl that is compiled from this checkout, byte for byte,
// and its agent, confined as the unit says, has not failed since it was started.
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

// An agent that hangs or dies is started again; a deployment is another process.
func TestAgentThatIsKilledComesBack(t *testing.T) {
	box.exec(t, "aver-manager", "systemctl", "kill", "--signal=KILL", "stackctl-agent")
	t.Cleanup(func() { box.exec(t, "aver-manager", "systemctl", "restart", "stackctl-agent") }) // forgets the restart
	eventually(t, 30*time.Second, "the agent is back", func() (bool, string) {
		state := box.exec(t, "aver-manager", "systemctl", "show", "stackctl-agent", "--property", "ActiveState,NRestarts")
		return strings.Contains(state, "ActiveState=active") && strings.Contains(state, "NRestarts=1"), state
	})
}
