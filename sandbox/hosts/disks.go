package hosts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/mount"
)

// Disk is a data disk that is attached to a VM.
type Disk struct {
	ID  string // as in SizeDisk
	LUN int
}

// diskDir is where a VM finds its disks' files, named lun and the number. A program in
// the VM makes a loop device of each.
const diskDir = "/var/lib/averazure-disks"

// A disk is a sparse file. A VM's directory has a hard link to each of its disks, so the
// VM sees no other disks, and a disk outlives the VM.
func (r *Room) diskFile(id string) string {
	return filepath.Join(r.StateDir, "disks", shortHash(id)+".img")
}
func (r *Room) attachedDir(vmID string) string {
	return filepath.Join(r.StateDir, "attached", shortHash(vmID))
}

// SizeDisk creates an empty disk or grows one. The VM notices within a second.
func (r *Room) SizeDisk(_ context.Context, id string, gb int) error {
	file := r.diskFile(id)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	size := int64(gb) << 30
	if info, err := f.Stat(); err != nil || info.Size() > size {
		return errors.Join(err, fmt.Errorf("disk %s cannot shrink", id), f.Close())
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// RemoveDisk removes a disk with its data. A missing disk is not an error.
func (r *Room) RemoveDisk(_ context.Context, id string) error {
	err := os.Remove(r.diskFile(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Attach attaches exactly these disks to a VM, which may be running.
func (r *Room) Attach(_ context.Context, vmID string, disks []Disk) error {
	dir := r.attachedDir(vmID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	present, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range present {
		wanted := slices.ContainsFunc(disks, func(d Disk) bool {
			return file.Name() == "lun"+strconv.Itoa(d.LUN) && sameFile(filepath.Join(dir, file.Name()), r.diskFile(d.ID))
		})
		if !wanted {
			err = errors.Join(err, os.Remove(filepath.Join(dir, file.Name())))
		}
	}
	for _, d := range disks {
		linked := os.Link(r.diskFile(d.ID), filepath.Join(dir, "lun"+strconv.Itoa(d.LUN)))
		if !errors.Is(linked, os.ErrExist) {
			err = errors.Join(err, linked)
		}
	}
	return err
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// detachAll detaches all disks of a VM that is deleted.
func (r *Room) detachAll(vmID string) error { return os.RemoveAll(r.attachedDir(vmID)) }

// diskMount mounts the directory of the VM's disks.
func (r *Room) diskMount(vmID string) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: r.attachedDir(vmID), Target: diskDir}
}

// loopsHere fails if this kernel cannot attach disks.
func loopsHere(devices string) error {
	if !strings.Contains("\n"+devices, " loop\n") {
		return errors.New("this kernel has no loop devices, which the sandbox needs for data disks; " +
			"load them with `modprobe loop`, or set averazure:dataDiskGB to 0")
	}
	return nil
}

// checkLoops looks for loop devices among the kernel's devices.
func checkLoops() error {
	devices, err := os.ReadFile("/proc/devices")
	if err != nil {
		return err
	}
	return loopsHere(string(devices))
}
