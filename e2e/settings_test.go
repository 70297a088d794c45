package e2e

import (
	"strings"
	"testing"
)

// TestSlowNewDockerSettingsReachEveryNode: new settings reach every node, although a
// deployment that was killed has left its claim, and the manager that it ran on is gone.
func TestSlowNewDockerSettingsReachEveryNode(t *testing.T) {
	isSlow(t)
	nodes := []string{"aver-manager", "aver-worker-1", "aver-worker-2"}
	size := "11m" // not undone afterwards: that would drain and restart three nodes again
	if strings.Contains(box.exec(t, nodes[0], "cat", "/etc/docker/daemon.json"), `"11m"`) {
		size = "12m"
	}
	started := func(node string) string {
		return strings.TrimSpace(box.exec(t, node, "systemctl", "show", "--property", "ActiveEnterTimestampMonotonic", "--value", "docker"))
	}
	before := map[string]string{}
	for _, node := range nodes {
		before[node] = started(node)
	}
	box.exec(t, "aver-manager", "sh", "-c", "echo deploying | docker config create --label averazure.by=aver-manager-9 --label averazure.until=1 aver-deploying -")
	box.mustRun(t, "up", "--config", "averazure:logMaxSize="+size)
	for _, node := range nodes {
		if settings := box.exec(t, node, "cat", "/etc/docker/daemon.json"); !strings.Contains(settings, `"`+size+`"`) {
			t.Errorf("%s has the settings\n%s", node, settings)
		}
		if started(node) == before[node] {
			t.Errorf("Docker on %s has not been restarted for them", node)
		}
	}
}

// TestSlowFormerDeployUserIsGone: an account that the configuration no longer names is
// removed, since nobody would watch it any more.
func TestSlowFormerDeployUserIsGone(t *testing.T) {
	isSlow(t)
	before := delivered(t, "stack-repo")
	t.Cleanup(func() {
		box.mustRun(t, "up", "--config", "averazure:deployUser=deploy")
		box.forget()
	})
	box.mustRun(t, "up", "--config", "averazure:deployUser=shipper")
	box.forget()
	if user := delivered(t, "stack-repo")["vars.SSH_USER"]; user != "shipper" {
		t.Errorf("stack-repo is told to log in as %q", user)
	}
	newPipeline(t, owner).mustDeploy(t)
	if client, err := managerSSH(t, before["vars.SSH_USER"], before[deployKey]); err == nil {
		client.Close()
		t.Error("the former user still logs in")
	}
	if out, err := box.tryExec(t.Context(), "aver-manager", "getent", "passwd", "deploy"); err == nil {
		t.Errorf("the former account is still there: %s", out)
	}
}
