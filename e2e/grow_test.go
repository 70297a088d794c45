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

// TestLongGrowShrinkUnderLoad grows and shrinks the Swarm, replaces a worker and loses one,
// while somebody asks the API, which has two replicas: each request is answered, and no
// entry of a node that went stays in the Swarm.
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
	for _, step := range []struct {
		name  string
		run   []string
		nodes string
	}{
		{"workers 1 to 3", up(1, 3), "aver-manager aver-worker-1 aver-worker-2 aver-worker-3"},
		{"workers 3 to 1", up(1, 1), "aver-manager aver-worker-1"},
		{"managers 1 to 3", up(3, 1), "aver-manager aver-manager-2 aver-manager-3 aver-worker-1"},
		{"managers 3 to 1", up(1, 1), "aver-manager aver-worker-1"},
		{"a worker replaced", slices.Concat([]string{"pulumi"}, sizes(1, 1), []string{"--", "up", "--yes", "--replace", "**:VirtualMachine::" + worker}), "aver-manager aver-worker-1"},
	} {
		t.Run(step.name, func(t *testing.T) {
			watch := watchAnswers(url)
			box.mustRun(t, step.run...)
			mustAnswer(t, step.name, watch.stop())
			mustHaveNodes(t, strings.Fields(step.nodes)...)
		})
	}
	box.mustRun(t, "preview", "--expect-no-changes")
	t.Run("a worker lost", func(t *testing.T) {
		// Both tasks are on the manager: a request that is under way on a VM that loses
		// its power is lost (TestLongBalancer says for how long).
		box.exec(t, first, "docker", "node", "update", "--label-add", "averazure.hold=a test", "--availability", "drain", worker)
		eventually(t, time.Minute, "the worker is empty", func() (bool, string) {
			out := box.exec(t, worker, "docker", "ps", "-q")
			return out == "", out
		})
		watch := watchAnswers(url)
		if err := box.lose(t.Context(), worker); err != nil {
			t.Fatal(err)
		}
		box.mustRun(t, slices.Concat([]string{"pulumi"}, sizes(1, 1), []string{"--", "up", "--yes", "--refresh"})...)
		mustAnswer(t, "a worker lost", watch.stop())
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
	box.mustRun(t, "pulumi", "--config", "averazure:workers=1", "--", "up", "--yes", "--exclude", "**command:remote:**", "--exclude-dependents") // the VM alone
	// A wait for the end of the first boot would never end.
	const hang = "#!/bin/sh\ncase \"$*\" in *--wait*) exec sleep infinity ;; *) exec /usr/bin/cloud-init.own \"$@\" ;; esac\n"
	box.exec(t, node, "sh", "-c", `mv /usr/bin/cloud-init /usr/bin/cloud-init.own && printf '%s' "$1" >/usr/bin/cloud-init && chmod 755 /usr/bin/cloud-init`, "sh", hang)
	began := time.Now()
	out, err := box.run(t.Context(), 15*time.Minute, one...)
	if err == nil {
		t.Error("the up passed")
	}
	mustSay(t, out, node+": cloud-init has not finished")
	if took := time.Since(began); took > 13*time.Minute {
		t.Errorf("it took %s", took)
	}
	box.exec(t, node, "mv", "/usr/bin/cloud-init.own", "/usr/bin/cloud-init")
	box.mustRun(t, one...)
	mustHaveNodes(t, first, second, third, node)
}

// TestFullDiskFailsAnUpWithTheNodesName: apt finds no room on one node. The next up, when
// there is some, ends well.
func TestFullDiskFailsAnUpWithTheNodesName(t *testing.T) {
	const node, archives = "aver-worker-2", "/var/cache/apt/archives"
	goesOn(t)
	// A file system without room for one more file.
	box.exec(t, node, "sh", "-ec", "mount -t tmpfs -o nr_inodes=1 tmpfs "+archives+"; dpkg --purge curl")
	t.Cleanup(func() { box.exec(t, node, "umount", archives) })
	mustFailUp(t, []string{node + ": apt could not install curl", "No space left on device"}, nil, "--replace", "**"+node+"-prepare")
}

// TestLongNodeThatCannotBeReached: a change for every node, with one that refuses SSH, one
// that is cut off, and one that is frozen. Up names the node within its bound, and the next
// one does it all.
func TestLongNodeThatCannotBeReached(t *testing.T) {
	isLong(t)
	const node = "aver-worker-1"
	box.mustRun(t, "up", "--config", "averazure:workers=1")
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:workers=0") })
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
			change := fmt.Sprintf("averazure:registryMirrors[1]=https://mirror-%d.example.com", i)
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
			// 68 attempts to connect, which take five minutes or a little more.
			out, err := box.run(t.Context(), 25*time.Minute, "pulumi", "--config", change, "--", "up", "--yes")
			t.Logf("up ended after %s", time.Since(began).Round(time.Second))
			if err == nil {
				t.Error("the up passed")
			}
			mustSay(t, out, node)
			end()
			box.mustRun(t, "pulumi", "--config", change, "--", "up", "--yes")
			mustHaveNodes(t, first, second, third, node)
		})
	}
}
