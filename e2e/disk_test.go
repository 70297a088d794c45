package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"averazure/internal/release"
)

// fill makes a node find its disk nearly full. It uses a small file system, since the
// node's own disk is the host machine's. The returned function empties it again.
func fill(t *testing.T, node string) (empty func()) {
	t.Helper()
	const shim = "#!/bin/sh\nexec /usr/bin/df --output=pcent /mnt/small\n"
	box.exec(t, node, "sh", "-c", "mkdir -p /mnt/small && mount -t tmpfs -o size=10m tmpfs /mnt/small && head -c 9800000 /dev/zero >/mnt/small/file"+
		" && printf '"+shim+"' >/usr/local/bin/df && chmod +x /usr/local/bin/df && systemctl start averazure-disk.service")
	t.Cleanup(func() {
		box.exec(t, node, "sh", "-c", "rm -f /usr/local/bin/df; if mountpoint -q /mnt/small; then umount /mnt/small; fi; systemctl start averazure-disk.service")
	})
	return func() { box.exec(t, node, "sh", "-c", "rm /mnt/small/file && systemctl start averazure-disk.service") }
}

// mustSeeDisk waits until a manager sees whether the node's disk is full: the node's own
// timer needs up to a minute, and Swarm 20 s.
func mustSeeDisk(t *testing.T, node string, full bool) {
	t.Helper()
	aver := &smallStack{name: "aver", bounds: stackBounds}
	eventually(t, time.Minute, fmt.Sprintf("a manager sees that the disk of %s is full: %t", node, full), func() (bool, string) {
		found := aver.status(t).Differences
		sees := slices.ContainsFunc(found, func(d release.Difference) bool {
			return d.Code == release.CodeNodeDisk && d.Name == node
		})
		return sees == full, fmt.Sprintf("%+v", found)
	})
}

// roomy fails if this machine's disk is so full that the sandbox's nodes, which share it,
// would report theirs as full: then no stack would be in sync.
func roomy() error {
	const most = 88
	var disk syscall.Statfs_t
	if err := syscall.Statfs("/var/lib", &disk); err != nil {
		return err
	}
	used := disk.Blocks - disk.Bfree
	if percent := 100 * used / (used + disk.Bavail); percent > most {
		return fmt.Errorf("the disk with /var/lib is %d %% full, which the sandbox's nodes would report from 90 %% on; make room until it is under %d", percent, most)
	}
	return nil
}

// TestSlowFullDiskDoesNotBlockARelease: tasks that fit on another node are deployed there,
// and the full node takes tasks again afterwards. A deployment that only the full node may
// run fails.
func TestSlowFullDiskDoesNotBlockARelease(t *testing.T) {
	isSlow(t)
	const node, containers = "aver-worker-1", "/var/lib/docker/containers"
	s := newStack(t, "full")
	file := func(where, script string) string {
		return fileOf(small{name: "web", script: script, deploy: "replicas: 2, placement: {constraints: [" + where + "]}"})
	}
	s.deploy(t, file("node.hostname == aver-worker-2", "exec sleep 100001"), release.Runs, 1)
	// A file system without room for one more directory.
	box.exec(t, node, "mount", "-t", "tmpfs", "-o", "nr_inodes=1", "tmpfs", containers)
	t.Cleanup(func() { box.exec(t, node, "umount", containers) })
	s.deploy(t, file("node.role == worker", "exec sleep 100002"), release.Runs, 2)
	s.mustBeWhole(t, 2)
	if availability := box.exec(t, "aver-manager", "docker", "node", "inspect", "--format", "{{.Spec.Availability}}", node); strings.TrimSpace(availability) != "active" {
		t.Errorf("%s stays %s", node, availability)
	}
	s.deploy(t, file("node.hostname == "+node, "exec sleep 100003"), release.PutBack, 2, "disk-full")
	s.mustBeWhole(t, 2)
}
