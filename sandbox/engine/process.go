package engine

import (
	"bytes"
	"context"
	"errors"
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

// endLeftover ends the process that the pidfile names. A process counts only
// when its command line has the mark: numbers are reused. The file goes once
// nothing lives that it names, so that a later try finds what this one left.
func endLeftover(ctx context.Context, pidfile, mark string) error {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return nil // nothing left
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && hasMark(pid, mark) {
		if err := end(ctx, pid, mark); err != nil {
			return err
		}
	}
	os.Remove(pidfile)
	return nil
}

func end(ctx context.Context, pid int, mark string) error {
	syscall.Kill(pid, syscall.SIGTERM) // an error says that it ended just now
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

// Unmount takes away what is mounted on or below the directories, without which
// they could not be removed, or what they show would be removed with them.
func Unmount(dirs ...string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	resolved := make([]string, len(dirs))
	for i, dir := range dirs {
		resolved[i] = real(dir)
	}
	points := mountsBelow(string(table), resolved...)
	var errs []error
	for i := len(points) - 1; i >= 0; i-- {
		if err := syscall.Unmount(points[i], syscall.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", points[i], err))
		}
	}
	return errors.Join(errs...)
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
