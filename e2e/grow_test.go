package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// mustHaveNodes fails unless the Swarm has exactly these nodes, all of them ready: no entry
// of a removed node is left.
func mustHaveNodes(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, 30*time.Second, "the Swarm's nodes", func() (bool, string) {
		out, err := box.tryExec(t.Context(), first, "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.Availability}}")
		var nodes []string
		for line := range strings.Lines(out) {
			if name, ready := strings.CutSuffix(strings.TrimSpace(line), " Ready Active"); ready {
				nodes = append(nodes, name)
			}
		}
		slices.Sort(nodes)
		return err == nil && slices.Equal(nodes, want) && strings.Count(out, "\n") == len(want), out
	})
}

// apiRunsOn waits until both tasks of the API run, at least that many of them on these
// nodes.
func apiRunsOn(t *testing.T, least int, nodes ...string) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("both tasks of the API run, and %d on %v", least, nodes), func() (bool, string) {
		out, err := box.tryExec(t.Context(), first, "docker", "service", "ps", "--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}", "aver_api")
		there, running := 0, 0
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) > 1 && words[1] == "Running" {
				running++
				if slices.Contains(nodes, words[0]) {
					there++
				}
			}
		}
		return err == nil && running == 2 && there >= least, fmt.Sprint(out, err)
	})
}

// lossLimit is how long after a node's loss a request may fail: Swarm reports a node as
// down when it has missed three heartbeats, one every 5 s.
const lossLimit = 30 * time.Second

// TestLongGrowShrinkUnderLoad grows and shrinks the Swarm and replaces a worker, while
// clients ask the API, which has two replicas: each request is answered, and no entry of a
// removed node stays in the Swarm. New workers get tasks. When a worker loses its power,
// the requests under way there are lost until Swarm notices, and none are lost when it is
// built again. The token with which nodes pull changes before all that. Nodes that join
// later pull with the new token, although no stack file changed.
func TestLongGrowShrinkUnderLoad(t *testing.T) {
	isLong(t)
	const worker = "aver-worker-1"
	sizes := func(managers, workers int) []string {
		return []string{"--config", fmt.Sprintf("averazure:managers=%d", managers), "--config", fmt.Sprintf("averazure:workers=%d", workers), "--config", "averazure:rebalance=true"}
	}
	up := func(managers, workers int) []string { return append([]string{"up"}, sizes(managers, workers)...) }
	t.Cleanup(func() {
		box.mustRun(t, "up", "--reset", "--config", "averazure:managers=3", "--config", "averazure:workers=0")
	})
	box.mustRun(t, up(1, 1)...)
	box.forget()
	url := box.outputs(t).APIURL
	// New workers have no image: those of the steps after this one pull it with the new token.
	t.Run("another token that pulls", func(t *testing.T) {
		newPullToken(t)
		watch := watchAnswers(url)
		box.mustRun(t, up(1, 1)...)
		mustAnswer(t, "another token that pulls", watch.stop())
		box.forget()
		if got := delivered(t, "stack-repo")["environments.deploy.secrets.GHCR_TOKEN"]; got != configValue(t, "averazure:registryPullToken") {
			t.Error("stack-repo has the former token")
		}
	})
	for _, step := range []struct {
		name  string
		run   []string
		nodes string
		moved []string // the API has moved to one of these nodes
	}{
		{"workers 1 to 3", up(1, 3), "aver-manager aver-worker-1 aver-worker-2 aver-worker-3", []string{"aver-worker-2", "aver-worker-3"}},
		{"workers 3 to 1", up(1, 1), "aver-manager aver-worker-1", nil},
		{"managers 1 to 3", up(3, 1), "aver-manager aver-manager-2 aver-manager-3 aver-worker-1", nil},
		{"managers 3 to 1", up(1, 1), "aver-manager aver-worker-1", nil},
		{"a worker replaced", slices.Concat([]string{"pulumi"}, sizes(1, 1), []string{"--", "up", "--yes", "--replace", "**:VirtualMachine::" + worker}), "aver-manager aver-worker-1", []string{worker}},
	} {
		t.Run(step.name, func(t *testing.T) {
			watch := watchAnswers(url)
			box.mustRun(t, step.run...)
			mustAnswer(t, step.name, watch.stop())
			mustHaveNodes(t, strings.Fields(step.nodes)...)
			if step.moved != nil {
				apiRunsOn(t, 1, step.moved...)
			}
		})
	}
	box.mustRun(t, "preview", "--expect-no-changes")
	t.Run("a worker lost", func(t *testing.T) {
		apiRunsOn(t, 1, worker)
		apiRunsOn(t, 1, first)
		address := box.outputs(t).ManagerIP
		watch := visit(visitor(t, address), url)
		if err := box.lose(t.Context(), worker); err != nil {
			t.Fatal(err)
		}
		apiRunsOn(t, 2, first)
		answersInARow(t, address, url)
		s := watch.stop()
		t.Logf("a worker lost: %s; the last failure ended %s after the loss", s, s.last.Round(time.Second/10))
		if s.gap > gapLimit || s.last > lossLimit {
			t.Errorf("a worker lost: %s; the last failure ended %s after the loss, at most %s and %s", s, s.last, gapLimit, lossLimit)
		}
		watch = watchAnswers(url)
		box.mustRun(t, slices.Concat([]string{"pulumi"}, sizes(1, 1), []string{"--", "up", "--yes", "--refresh"})...)
		mustAnswer(t, "the worker is built again", watch.stop())
		mustHaveNodes(t, "aver-manager", worker)
	})
}

func mustAnswer(t *testing.T, what string, s seen) {
	t.Helper()
	t.Logf("%s: %s", what, s)
	if s.failed > 0 || s.asked == 0 {
		t.Errorf("%s: %s", what, s)
	}
}

// TestNodeWithBoundDataDoesNotGo: the preview refuses to remove the node, names the
// service, and leaves the node as it is. Without the service the node may be removed.
func TestNodeWithBoundDataDoesNotGo(t *testing.T) {
	const node = "aver-worker-2"
	fewer := []string{"pulumi", "--config", "averazure:workers=1", "--", "preview"}
	s := newStack(t, "bound")
	s.deploy(t, fileOf(small{name: "db", deploy: "placement: {constraints: [node.hostname == " + node + "]}", more: []string{"volumes: ['data:/data']"}})+
		"volumes: {data: {}}\n", release.Runs, 1)
	out, err := box.run(t.Context(), 2*time.Minute, fewer...)
	if err == nil {
		t.Error("the preview takes the node away, and the data with it")
	}
	mustSay(t, out, "averazure:workers", node, "bound_db", "bound_data", "node.hostname == "+node)
	if result := s.ask(t, "", "remove", s.name); result.Outcome != release.Runs {
		t.Fatalf("%+v", result)
	}
	box.mustRun(t, fewer...)
}
