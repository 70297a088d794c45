package hosts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/mount"
)

// A disk outlives its VM, and the next VM finds its data.
func TestADiskOutlivesItsMachine(t *testing.T) {
	r := room(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(r.SizeDisk(t.Context(), "disk-1", 1))
	check(r.SizeDisk(t.Context(), "disk-2", 1))
	check(r.Attach(t.Context(), "vm-1", []Disk{{"disk-1", 0}, {"disk-2", 1}}))
	lun := func(vm, name string) string { return filepath.Join(r.attachedDir(vm), name) }
	check(os.WriteFile(lun("vm-1", "lun0"), []byte("precious"), 0o600))
	check(r.Attach(t.Context(), "vm-1", []Disk{{"disk-1", 0}}))
	if _, err := os.Stat(lun("vm-1", "lun1")); !os.IsNotExist(err) {
		t.Errorf("a disk that was detached is there: %v", err)
	}
	check(r.detachAll("vm-1"))
	check(r.Attach(t.Context(), "vm-2", []Disk{{"disk-1", 0}}))
	check(r.SizeDisk(t.Context(), "disk-1", 2))
	info, err := os.Stat(lun("vm-2", "lun0"))
	check(err)
	if info.Size() != 2<<30 {
		t.Errorf("the disk has %d bytes", info.Size())
	}
	head := make([]byte, 8)
	f, err := os.Open(lun("vm-2", "lun0"))
	check(err)
	defer f.Close()
	if _, err := f.Read(head); err != nil || string(head) != "precious" {
		t.Errorf("on the disk is %q: %v", head, err)
	}
	if err := r.SizeDisk(t.Context(), "disk-1", 1); err == nil {
		t.Error("the disk has shrunk")
	}
	check(r.RemoveDisk(t.Context(), "disk-2"))
	check(r.RemoveDisk(t.Context(), "disk-2"))
	if left, _ := os.ReadDir(filepath.Join(r.StateDir, "disks")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// A VM sees only its own disks.
func TestAMachineSeesItsDisksOnly(t *testing.T) {
	r := room(t)
	_, host := r.nodeConfig(VM{ID: "vm-1"}, "image", cgroups{})
	for _, m := range host.Mounts {
		if m.Target == diskDir && (m.Type != mount.TypeBind || m.Source != r.attachedDir("vm-1")) {
			t.Errorf("%+v", m)
		} else if m.Target == diskDir {
			return
		}
	}
	t.Errorf("no disks in %+v", host.Mounts)
}

func TestAKernelWithoutLoopDevicesIsReported(t *testing.T) {
	if err := loopsHere("Block devices:\n  7 loop\n259 blkext\n"); err != nil {
		t.Error(err)
	}
	if err := loopsHere("Block devices:\n259 blkext\n"); err == nil {
		t.Error("no disks can be attached here, and nobody says so")
	}
}
