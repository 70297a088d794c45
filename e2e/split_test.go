package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// timeSplit is how long each part of the way from a push to the running service took. The
// rest, after all other parts are subtracted, is ours: logins, clones, stack-repo's commit,
// the checks, SSH, stackctl.
type timeSplit struct {
	total, build, push, pull, update, ours time.Duration
	release, deploy                        time.Duration // ours, by pipeline
}

func (s timeSplit) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(time.Second / 10) }
	return fmt.Sprintf("push to running: %s = build %s, push %s, pull %s, Swarm's rolling update %s, ours %s (code-repo's pipeline %s, stack-repo's %s)",
		round(s.total), round(s.build), round(s.push), round(s.pull), round(s.update), round(s.ours), round(s.release), round(s.deploy))
}

// splitTime reads the times of the parts from the output of the pipelines, from Swarm's
// record of the update and from the nodes.
func splitTime(t *testing.T, pushed, running time.Time, release, deploy *transcript) timeSplit {
	t.Helper()
	image := delivered(t, "code-repo")["vars.IMAGE"]
	build, push, end := release.at("build "+image), release.at("push "+image), release.at(image+":")
	begun := deploy.at("deploy: ")
	for name, at := range map[string]time.Time{"build": build, "push": push, "end of the push": end, "deployment": begun} {
		if at.IsZero() {
			t.Fatalf("no time of the %s in\n%s\n%s", name, release, deploy)
		}
	}
	var update struct{ StartedAt, CompletedAt time.Time }
	inspect(t, "aver-manager", &update, "service", "inspect", "aver_api", "--format", "{{json .UpdateStatus}}")
	s := timeSplit{total: running.Sub(pushed), build: push.Sub(build), push: end.Sub(push), pull: pullTime(t, update.StartedAt)}
	s.update = update.CompletedAt.Sub(update.StartedAt) - s.pull
	s.ours = s.total - s.build - s.push - s.pull - s.update
	s.deploy = running.Sub(release.last()) - s.pull - s.update
	s.release = s.ours - s.deploy
	return s
}

// pullTime is how long the new tasks waited for their image: from the creation of the task
// to its container, including Swarm's choice of a node. The tasks are started one after the
// other.
func pullTime(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	var total time.Duration
	ids := box.exec(t, "aver-manager", "docker", "service", "ps", "aver_api", "-q", "--no-trunc", "--filter", "desired-state=running")
	for _, id := range strings.Fields(ids) {
		var task struct {
			CreatedAt time.Time
			NodeID    string
			Status    struct{ ContainerStatus struct{ ContainerID string } }
		}
		inspect(t, "aver-manager", &task, "inspect", id, "--format", "{{json .}}")
		if task.CreatedAt.Before(since) {
			t.Fatalf("the task %s is older than the update", id)
		}
		var node string
		inspect(t, "aver-manager", &node, "node", "inspect", task.NodeID, "--format", "{{json .Description.Hostname}}")
		var created time.Time
		inspect(t, node, &created, "inspect", task.Status.ContainerStatus.ContainerID, "--format", "{{json .Created}}")
		total += created.Sub(task.CreatedAt)
	}
	return total
}

func inspect(t *testing.T, node string, into any, args ...string) {
	t.Helper()
	out := box.exec(t, node, append([]string{"docker"}, args...)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("docker %s on %s: %v in %q", strings.Join(args, " "), node, err, out)
	}
}
