package e2e

import (
	"strings"
	"testing"
	"time"
)

// placeInSwarm is what a node of the Swarm is to the others, and precious what is in a
// named volume of its own.
func placeInSwarm(t *testing.T, node string) string {
	return strings.TrimSpace(box.exec(t, node, "docker", "info", "--format", "{{.Swarm.NodeID}} {{.Swarm.Cluster.ID}}"))
}

func precious(t *testing.T, node string) string {
	return box.exec(t, node, "sh", "-c", "cat /var/lib/docker/volumes/precious/_data/mark 2>/dev/null || true")
}

// TestLongDataStays gives managers that have none a data disk, as they run, and builds
// them again: one of three, and a sole one. Each is the same member of the Swarm, with
// the same volume. Nothing deletes a disk that is kept.
func TestLongDataStays(t *testing.T) {
	isLong(t)
	const gb = "averazure:dataDiskGB=4"
	up := func(args ...string) {
		t.Helper()
		if _, err := box.run(t.Context(), 15*time.Minute, append([]string{"up", "--config", gb}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	rebuilt := func(settings ...string) {
		box.mustRun(t, "pulumi", "--", "destroy", "--yes")
		box.mustRun(t, append([]string{"up", "--config", "averazure:managers=3", "--config", "averazure:workers=0"}, settings...)...)
		box.forget()
	}
	t.Cleanup(func() { rebuilt("--reset") })
	rebuilt("--config", "averazure:dataDiskGB=0")
	const node = "aver-manager-2"
	box.exec(t, node, "sh", "-c", "docker volume create precious && echo before >/var/lib/docker/volumes/precious/_data/mark")
	before := placeInSwarm(t, node)
	same := func(node, place, when string) {
		t.Helper()
		if got := placeInSwarm(t, node); got != place {
			t.Errorf("%s is %s in the Swarm %s, and was %s", node, got, when, place)
		}
		if got := precious(t, node); got != "before\n" {
			t.Errorf("%s has %q in its volume %s", node, got, when)
		}
		if got := box.exec(t, node, "findmnt", "-n", "-o", "FSTYPE", "--mountpoint", "/var/lib/docker"); !strings.HasSuffix(got, "ext4\n") {
			t.Errorf("Docker's directory of %s lies on %q", node, got)
		}
	}
	up() // moves the directories
	same(node, before, "after it moved")
	box.mustRun(t, "preview", "--expect-no-changes")

	box.mustRun(t, "pulumi", "--", "up", "--yes", "--replace", "**:VirtualMachine::"+node)
	same(node, before, "after it was rebuilt")
	if err := box.haveManagers(t.Context(), 3); err != nil {
		t.Error(err)
	}
	box.mustRun(t, "preview", "--expect-no-changes")

	up("--config", "averazure:keepData=true")
	if said, err := box.run(t.Context(), 5*time.Minute, "pulumi", "--", "destroy", "--yes"); err == nil || !strings.Contains(said, "aver-manager-data") {
		t.Errorf("destroy: %v:\n%s", err, said)
	}
	if said, err := box.run(t.Context(), 5*time.Minute, "preview", "--config", "averazure:managers=1"); err == nil || !strings.Contains(said, "averazure:keepData: aver-manager-2-data") {
		t.Errorf("fewer managers: %v:\n%s", err, said)
	}
	up("--config", "averazure:keepData=false")
	up("--config", "averazure:managers=1")

	const sole = "aver-manager"
	box.exec(t, sole, "sh", "-c", "docker volume create precious && echo before >/var/lib/docker/volumes/precious/_data/mark")
	before = placeInSwarm(t, sole)
	box.mustRun(t, "pulumi", "--", "up", "--yes", "--replace", "**:VirtualMachine::"+sole)
	same(sole, before, "after the only manager was rebuilt")
	box.mustRun(t, "preview", "--expect-no-changes")
}
