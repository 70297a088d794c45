package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestLongFirstBootThatHangs: a command of the first boot never ends on the new worker. Up
// reports that with the node's name after the 10 minutes that a first boot may take. When
// the boot has ended, the next up continues.
func TestLongFirstBootThatHangs(t *testing.T) {
	isLong(t)
	const node = "aver-worker-1"
	one := []string{"up", "--config", "averazure:workers=1"}
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:workers=0") })
	box.mustRun(t, "pulumi", "--config", "averazure:workers=1", "--", "up", "--yes", "--exclude", "**command:remote:**::"+node+"-*", "--exclude-dependents") // only the VM
	// This cloud-init never ends when asked to wait for the end of the first boot.
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

// TestSlowFullDiskFailsAnUpWithTheNodesName: apt finds no disk space on one node. Once
// there is some, the next up succeeds.
func TestSlowFullDiskFailsAnUpWithTheNodesName(t *testing.T) {
	isSlow(t)
	const node, archives = "aver-worker-2", "/var/cache/apt/archives"
	goesOn(t)
	// A file system without room for one more file.
	box.exec(t, node, "sh", "-ec", "mount -t tmpfs -o nr_inodes=1 tmpfs "+archives+"; dpkg --purge curl")
	t.Cleanup(func() { box.exec(t, node, "umount", archives) })
	mustFailUp(t, []string{node + ": apt ", " curl", "No space left on device"}, nil, "--replace", "**"+node+"-prepare")
}

// unreachedLimit is how much longer an up may take with a node that does not answer. It
// asks the nodes for 15 s in its preview and again when it begins, and gives that node a
// minute to come back (internal/survey). The tasks of that node then have to start elsewhere
// before the next node's turn.
const unreachedLimit = 3 * time.Minute

// TestLongNodeThatCannotBeReached: each up has a change for every node, while one node
// refuses SSH, is cut off, or is frozen. Up names the node within its time limit, and the
// next up makes all the changes.
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
