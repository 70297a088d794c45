package machine

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

// Disk is a data disk that a machine has.
type Disk struct {
	ID  string // of SizeDisk
	LUN int
}

// diskDir is where a machine finds the files that stand for its disks: each is lun and
// the number. A program of the image's own makes a loop device of each.
const diskDir = "/var/lib/averazure-disks"

// A disk is a sparse file. A machine that has it has another name of the same file in a
// directory of its own, so it sees no other, and the disk outlives it.
func (r *Room) diskFile(id string) string {
	return filepath.Join(r.StateDir, "disks", shortHash(id)+".img")
}
func (r *Room) attachedDir(vmID string) string {
	return filepath.Join(r.StateDir, "attached", shortHash(vmID))
}

// SizeDisk makes a blank disk, or lets one grow: its machine notices within a second.
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
		return errors.Join(err, fmt.Errorf("disk %s would shrink", id), f.Close())
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// RemoveDisk removes a disk with all that is on it; one that is gone is no error.
func (r *Room) RemoveDisk(_ context.Context, id string) error {
	err := os.Remove(r.diskFile(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Attach gives a machine these disks and no others, also while it runs.
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

// detachAll takes all disks from a machine that goes. The disks stay.
func (r *Room) detachAll(vmID string) error { return os.RemoveAll(r.attachedDir(vmID)) }

// diskMount shows a machine the files of its disks, now and later.
func (r *Room) diskMount(vmID string) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: r.attachedDir(vmID), Target: diskDir}
}

// loopsHere refuses disks where nothing could attach them.
func loopsHere(devices string) error {
	if !strings.Contains("\n"+devices, " loop\n") {
		return errors.New("this kernel has no loop devices, which data disks are made of here; " +
			"`modprobe loop` loads them, and averazure:dataDiskGB 0 does without")
	}
	return nil
}

// checkLoops looks for loop devices among those that the kernel knows.
func checkLoops() error {
	devices, err := os.ReadFile("/proc/devices")
	if err != nil {
		return err
	}
	return loopsHere(string(devices))
}
