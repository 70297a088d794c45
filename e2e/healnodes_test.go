package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
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

// TestAServiceMovesBeforeTheDrain follows docs/operations.md: a service with one replica
// starts on the other worker before it ends on the one that is to be drained.
func TestAServiceMovesBeforeTheDrain(t *testing.T) {
	s := newStack(t, "moves")
	s.deploy(t, fileOf(small{name: "one", deploy: "placement: {constraints: [node.role == worker]}, update_config: {order: start-first, monitor: 1s}"}), release.Runs, 1)
	here := s.tasks(t, "one")[0]
	node := nodeName(t, s, here.NodeID)
	t.Cleanup(func() {
		box.exec(t, first, "docker", "node", "update", "--availability", "active", "--label-rm", "averazure.hold", node)
	})
	p := follow(t, "Drain a node, and undo it", 1, "aver-worker-1", node)
	p.next(first)
	p.next(first)
	there := s.tasks(t, "one")[0]
	if there.NodeID == here.NodeID || there.Status.State != swarm.TaskStateRunning {
		t.Fatalf("the newest task is %s on %s", there.Status.State, nodeName(t, s, there.NodeID))
	}
	if began, ended := there.Status.Timestamp, s.task(t, "one", here.ID).Status.Timestamp; !began.Before(ended) {
		t.Errorf("the task there began at %s, and the one here ended at %s", began, ended)
	}
	s.mustBeWhole(t, 1)
}

// tasks are all tasks of a service, newest first.
func (s *smallStack) tasks(t *testing.T, name string) []swarm.Task {
	t.Helper()
	tasks, err := s.docker.TaskList(t.Context(), swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", s.name+"_"+name))})
	if err != nil || len(tasks) == 0 {
		t.Fatalf("%d tasks of %s: %v", len(tasks), name, err)
	}
	slices.SortFunc(tasks, func(a, b swarm.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return tasks
}

func (s *smallStack) task(t *testing.T, name, id string) swarm.Task {
	t.Helper()
	tasks := s.tasks(t, name)
	at := slices.IndexFunc(tasks, func(task swarm.Task) bool { return task.ID == id })
	if at < 0 {
		t.Fatalf("no task %s", id)
	}
	return tasks[at]
}

func nodeName(t *testing.T, s *smallStack, id string) string {
	t.Helper()
	node, _, err := s.docker.NodeInspectWithRaw(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return node.Description.Hostname
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
