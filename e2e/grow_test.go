package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// mustHaveNodes fails unless the Swarm has just these nodes, all of them ready: no entry of
// one that went stays.
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

// apiRunsOn waits until both tasks of the API run, and so many of them on these nodes.
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

// lossLimit is how long after a node's loss a request may fail: Swarm calls it down when it
// has missed three of its signs of life, one every 5 s.
const lossLimit = 30 * time.Second

// TestLongGrowShrinkUnderLoad grows and shrinks the Swarm and replaces a worker, while
// somebody asks the API, which has two replicas: each request is answered, and no entry of
// a node that went stays in the Swarm. New workers get tasks. A worker that loses its power
// costs what is under way there until Swarm knows, and nothing when it is built again. The
// token with which nodes pull changes before all that, and nodes that join later pull with
// the new one, although no stack file changed.
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
		moved []string // the nodes to one of which the API has moved
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

// TestNodeWithBoundDataDoesNotGo: the preview refuses it, with the service's name, and
// nothing happens to the node. Without the service it may go.
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

// TestLongFirstBootThatHangs: what a first boot is to run never ends on the new worker. Up
// says so, with the node's name, after the 10 minutes that a first boot has; when the boot
// ends, the next up goes on.
func TestLongFirstBootThatHangs(t *testing.T) {
	isLong(t)
	const node = "aver-worker-1"
	one := []string{"up", "--config", "averazure:workers=1"}
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:workers=0") })
	box.mustRun(t, "pulumi", "--config", "averazure:workers=1", "--", "up", "--yes", "--exclude", "**command:remote:**::"+node+"-*", "--exclude-dependents") // the VM alone
	// A wait for the end of the first boot would never end.
	const hang = "#!/bin/sh\ncase \"$*\" in *--wait*) exec sleep infinity ;; *) exec /usr/bin/cloud-init.own \"$@\" ;; esac\n"
	box.exec(t, node, "sh", "-c", `mv /usr/bin/cloud-init /usr/bin/cloud-init.own && printf '%s' "$1" >/usr/bin/cloud-init && chmod 755 /usr/bin/cloud-init`, "sh", hang)
	began := time.Now()
	out, err := box.run(t.Context(), 15*time.Minute, one...)
	if err == nil {
		t.Error("the up passed")
	}
	mustSay(t, out, node+": cloud-init ", " 10 minutes")
	if took := time.Since(began); took > 13*time.Minute {
		t.Errorf("it took %s", took)
	}
	box.exec(t, node, "mv", "/usr/bin/cloud-init.own", "/usr/bin/cloud-init")
	box.mustRun(t, one...)
	mustHaveNodes(t, first, second, third, node)
}

// TestSlowFullDiskFailsAnUpWithTheNodesName: apt finds no room on one node. The next up, when
// there is some, ends well.
func TestSlowFullDiskFailsAnUpWithTheNodesName(t *testing.T) {
	isSlow(t)
	const node, archives = "aver-worker-2", "/var/cache/apt/archives"
	goesOn(t)
	// A file system without room for one more file.
	box.exec(t, node, "sh", "-ec", "mount -t tmpfs -o nr_inodes=1 tmpfs "+archives+"; dpkg --purge curl")
	t.Cleanup(func() { box.exec(t, node, "umount", archives) })
	mustFailUp(t, []string{node + ": apt ", " curl", "No space left on device"}, nil, "--replace", "**"+node+"-prepare")
}

// unreachedLimit is how much longer an up may take with a node that does not answer: it asks
// the nodes for 15 s in its preview and again when it begins, gives that node a minute to
// come back (internal/drift), and what ran there has to start elsewhere before the next
// node's turn.
const unreachedLimit = 3 * time.Minute

// TestLongNodeThatCannotBeReached: a change for every node, with one that refuses SSH, one
// that is cut off, and one that is frozen. Up names the node within its bound, and the next
// one does it all.
func TestLongNodeThatCannotBeReached(t *testing.T) {
	isLong(t)
	const node = "aver-worker-1"
	box.mustRun(t, "up", "--config", "averazure:workers=1")
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:workers=0") })
	change := func(i int) []string {
		return []string{"pulumi", "--config", fmt.Sprintf("averazure:registryMirrors[1]=https://mirror-%d.example.com", i), "--", "up", "--yes"}
	}
	began := time.Now()
	box.mustRun(t, change(0)...)
	usual := time.Since(began)
	cut := func(verb string) error {
		_, err := box.tryExec(t.Context(), node, "sh", "-c", "for chain in INPUT OUTPUT; do iptables "+verb+" $chain ! -i lo -j DROP 2>/dev/null || iptables "+verb+" $chain ! -o lo -j DROP; done")
		return err
	}
	for i, fault := range []struct {
		name       string
		begin, end func() error
	}{
		{"it refuses SSH", func() error { _, err := box.tryExec(t.Context(), node, "systemctl", "stop", "ssh.service"); return err },
			func() error {
				_, err := box.tryExec(t.Context(), node, "systemctl", "start", "ssh.service")
				return err
			}},
		{"it is cut off", func() error { return cut("-I") }, func() error { return cut("-D") }},
		{"it is frozen", func() error { return box.engine(t.Context(), "pause", containerName(node)) },
			func() error { return box.engine(t.Context(), "unpause", containerName(node)) }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			if err := fault.begin(); err != nil {
				t.Fatal(err)
			}
			ended := false
			end := func() {
				if !ended {
					ended = true
					if err := fault.end(); err != nil {
						t.Error(err)
					}
				}
			}
			defer end()
			began := time.Now()
			said, err := box.transcribed(t.Context(), 10*time.Minute, change(i+1)...)
			took := time.Since(began)
			t.Logf("up ended after %s, and takes %s as a rule", took.Round(time.Second), usual.Round(time.Second))
			if err == nil || said.when("error: ", node).IsZero() {
				t.Errorf("up ended with %v, without an error that names %s", err, node)
			}
			if took > usual+unreachedLimit {
				t.Errorf("up ended after %s, at most %s", took, usual+unreachedLimit)
			}
			end()
			box.mustRun(t, change(i+1)...)
			mustHaveNodes(t, first, second, third, node)
		})
	}
}
