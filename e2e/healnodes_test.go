package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// TestAgentPutsNodesBack drains one worker and removes the other one's label.
func TestAgentPutsNodesBack(t *testing.T) {
	aver := &smallStack{name: "aver", bounds: stackBounds}
	box.exec(t, "aver-manager", "systemctl", "restart", "stackctl-agent")
	box.exec(t, "aver-manager", "docker", "node", "update", "--availability", "drain", "aver-worker-1")
	box.exec(t, "aver-manager", "docker", "node", "update", "--label-rm", "averazure.role", "aver-worker-2")
	eventually(t, healTime, "putting back", func() (bool, string) {
		status := aver.status(t)
		return status.InSync, fmt.Sprintf("%+v", status.Differences)
	})
	eventually(t, time.Minute, "the API on both workers again", func() (bool, string) {
		status := aver.status(t)
		return status.Healthy, fmt.Sprintf("%+v", status.Services)
	})
}

// TestAHeldNodeStaysDrained follows docs/operations.md: the agent leaves a drained node
// alone as long as it is held.
func TestAHeldNodeStaysDrained(t *testing.T) {
	const node = "aver-worker-1"
	availability := func() string {
		return strings.TrimSpace(box.exec(t, first, "docker", "node", "inspect", "--format", "{{.Spec.Availability}}", node))
	}
	p := follow(t, "Drain a node, and undo it", 0)
	t.Cleanup(func() {
		box.exec(t, first, "sh", "-c", "docker node update --availability active "+node+"; docker node update --label-rm averazure.hold "+node+" || true")
	})
	p.next(first)
	time.Sleep(healTime)
	if now := availability(); now != "drain" {
		t.Errorf("a held node is %s", now)
	}
	aver := &smallStack{name: "aver", bounds: stackBounds}
	if held := fmt.Sprintf("%+v", aver.status(t)); !strings.Contains(held, "new disk") {
		t.Errorf("the status does not say why: %s", held)
	}
	p.on(first)
	if now := availability(); now != "active" {
		t.Errorf("afterwards it is %s", now)
	}
	eventually(t, time.Minute, "all as released", func() (bool, string) {
		status := aver.status(t)
		return status.InSync && status.Healthy, fmt.Sprintf("%+v", status)
	})
}

// TestAgentKilledWhileHealingLeavesNothingUnfinished kills the agent as soon as the first
// of three services is back. All three have to run in the end.
func TestAgentKilledWhileHealingLeavesNothingUnfinished(t *testing.T) {
	s := newStack(t, "healkilled")
	names := []string{"one", "two", "three"}
	var services []small
	for _, name := range names {
		services = append(services, small{name: name, more: []string{"networks: [back]"}})
	}
	s.deploy(t, fileOf(services...)+"networks: {back: {}}\n", release.Runs, 1)
	for _, name := range names {
		s.remove(t, name)
	}
	eventually(t, 20*time.Second, "the first service is back", func() (bool, string) {
		return strings.Contains(s.specs(t), `"healkilled_`), s.specs(t)
	})
	box.exec(t, "aver-manager", "systemctl", "kill", "--signal=KILL", "stackctl-agent")
	t.Cleanup(func() { box.exec(t, "aver-manager", "systemctl", "restart", "stackctl-agent") }) // forgets the restart
	eventually(t, time.Minute, "all running", func() (bool, string) {
		status := s.status(t)
		return status.InSync && status.Healthy && status.Deploying == nil && len(status.Services) == len(names), fmt.Sprintf("%+v", status)
	})
}
