package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// placeInSwarm is a node's identity in the Swarm (a worker does not know the id of its
// Swarm), and precious is the content of a named volume on the node.
func placeInSwarm(t *testing.T, node string) string {
	return strings.TrimSpace(box.exec(t, node, "docker", "info", "--format", "{{.Swarm.NodeID}}{{with .Swarm.Cluster}} {{.ID}}{{end}}"))
}

func precious(t *testing.T, node string) string {
	return box.exec(t, node, "sh", "-c", "cat /var/lib/docker/volumes/precious/_data/mark 2>/dev/null || true")
}

// dockersStart tells one start of Docker from another.
func dockersStart(t *testing.T, node string) string {
	t.Helper()
	return box.exec(t, node, "systemctl", "show", "--property", "MainPID", "--value", "docker")
}

// dockersRoom is the size in bytes of the file system that holds Docker's directory.
func dockersRoom(t *testing.T, node string) int {
	t.Helper()
	fields := strings.Fields(box.exec(t, node, "df", "--block-size=1", "--output=size", "/var/lib/docker"))
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// maySetResources tells whether a node has CAP_SYS_RESOURCE, as every VM has. A container
// has it if the machine has it.
// https://man7.org/linux/man-pages/man7/capabilities.7.html
func maySetResources(t *testing.T, node string) bool {
	t.Helper()
	const resource = 24
	bounding, err := strconv.ParseUint(strings.TrimSpace(box.exec(t, node, "awk", "/^CapBnd:/ { print $2 }", "/proc/1/status")), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bounding>>resource&1 == 1
}

// TestLongDataStays gives running managers that have no data disk one, lets the disks grow,
// and rebuilds nodes: one manager of three, a worker, and a sole manager. Each is still the
// same member of the Swarm, with the same volume. A disk that is kept is never deleted.
func TestLongDataStays(t *testing.T) {
	isLong(t)
	gb := "averazure:dataDiskGB=4"
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
	keep := func(node string) (place string) {
		t.Helper()
		box.exec(t, node, "sh", "-c", "docker volume create precious && echo before >/var/lib/docker/volumes/precious/_data/mark")
		return placeInSwarm(t, node)
	}
	before := keep(node)
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

	if maySetResources(t, node) {
		boot, docker, room := booted(t, node), dockersStart(t, node), dockersRoom(t, node)
		gb = "averazure:dataDiskGB=6"
		up()
		same(node, before, "after its disk grew")
		if now := dockersRoom(t, node); now-room < 3<<29 { // 2 GiB, less what the file system itself needs
			t.Errorf("Docker's directory of %s has %d bytes after its disk grew by 2 GiB, and had %d", node, now, room)
		}
		if booted(t, node) != boot || dockersStart(t, node) != docker {
			t.Errorf("%s or its Docker restarted for a bigger disk", node)
		}
		box.mustRun(t, "preview", "--expect-no-changes")
	} else {
		t.Log("this machine grants nobody CAP_SYS_RESOURCE, without which Linux grows no mounted file system: not tried")
	}

	box.mustRun(t, "pulumi", "--", "up", "--yes", "--replace", "**:VirtualMachine::"+node)
	same(node, before, "after it was rebuilt")
	if err := box.haveManagers(t.Context(), 3); err != nil {
		t.Error(err)
	}
	box.mustRun(t, "preview", "--expect-no-changes")

	const worker = "aver-worker-1"
	up("--config", "averazure:workers=1", "--config", "averazure:workerDataDiskGB=4")
	ofWorker := keep(worker)
	box.mustRun(t, "pulumi", "--", "up", "--yes", "--replace", "**:VirtualMachine::"+worker)
	same(worker, ofWorker, "after it was rebuilt")
	box.mustRun(t, "preview", "--expect-no-changes")
	up("--config", "averazure:workers=0")

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
	before = keep(sole)
	boot := booted(t, sole)
	up("--config", "averazure:diskGB=33") // the system disk's size: Azure applies it only to a new VM
	if booted(t, sole) == boot {
		t.Errorf("%s was not rebuilt for a larger disk of the system", sole)
	}
	same(sole, before, "after the only manager was rebuilt")
	box.mustRun(t, "preview", "--expect-no-changes")

	boot = booted(t, sole)
	haveAnotherFirstBoot(t)
	up("--config", "averazure:diskGB=33")
	if booted(t, sole) == boot {
		t.Errorf("%s was not rebuilt for another first boot", sole)
	}
	same(sole, before, "after another first boot")
}

// haveAnotherFirstBoot has the program compiled with another first-boot file until the test
// ends, because no setting changes that file.
func haveAnotherFirstBoot(t *testing.T) {
	t.Helper()
	file, dir := filepath.Join(box.project, "infra/cloudinit.yaml"), t.TempDir()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	another, overlay := filepath.Join(dir, "cloudinit.yaml"), filepath.Join(dir, "overlay.json")
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {file: another}})
	if err := errors.Join(err, os.WriteFile(another, append(text, "# Another one.\n"...), 0o600), os.WriteFile(overlay, replaced, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
}
