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

// stopTime is how long an engine may take to stop its containers.
const stopTime = 60 * time.Second

// endLeftover ends the process in the pidfile. It checks that the command line contains
// the mark, since process numbers are reused. It removes the file last, so that a later
// attempt finds what this one left.
func endLeftover(ctx context.Context, pidfile, mark string) error {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return nil // nothing is left
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
	syscall.Kill(pid, syscall.SIGTERM) // an error means that it has just ended
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

// hasMark tells whether the process runs and has the mark among its arguments. A zombie
// has no command line.
func hasMark(pid int, mark string) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && bytes.Contains(text, []byte(mark))
}

// Unmount unmounts everything on or below the directories. Otherwise removing them would
// fail, or would delete what is mounted there.
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

// real is the path as a mount table shows it.
func real(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// mountsBelow lists the mount points at or below the directories, outer ones first. An
// engine mounts its directories onto themselves.
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
