package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTime is what an engine gets to stop its containers in.
const stopTime = 60 * time.Second

// endLeftover ends the process that the pidfile names and removes the file. A
// process counts only when its command line has the mark: numbers are reused.
func endLeftover(ctx context.Context, pidfile, mark string) error {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return nil // nothing left
	}
	defer os.Remove(pidfile)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || !hasMark(pid, mark) {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return nil // it ended just now
	}
	deadline := time.Now().Add(stopTime)
	for hasMark(pid, mark) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d (%s) does not end; kill it by hand", pid, mark)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// hasMark says whether the process lives and was started with the mark among
// its arguments. A zombie has no command line, and so has none.
func hasMark(pid int, mark string) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && bytes.Contains(text, []byte(mark))
}

// unmount takes away the mounts that a killed engine left in its data, without
// which its directory cannot be removed.
func (d *daemon) unmount() {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	points := mountsBelow(string(table), real(d.data), real(d.execRoot()))
	for i := len(points) - 1; i >= 0; i-- {
		syscall.Unmount(points[i], syscall.MNT_DETACH)
	}
}

// real is the path that a mount table shows.
func real(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// mountsBelow are the mount points of a mount table that are one of the
// directories, which an engine mounts onto themselves, or lie in one, outer
// before inner.
func mountsBelow(table string, dirs ...string) []string {
	var points []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		for _, dir := range dirs {
			if fields[1] == dir || strings.HasPrefix(fields[1], dir+"/") {
				points = append(points, fields[1])
			}
		}
	}
	return points
}

// lock lets one sandbox at a time look for, start or stop the engine.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return func() { file.Close() }, nil
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for another sandbox that starts or stops the Docker engine: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
