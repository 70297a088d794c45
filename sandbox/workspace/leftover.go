package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endTime is how long a plugin may take to end after a request, and again after it is
// killed.
const endTime = 5 * time.Second

// EndPlugins ends the plugins and language runtimes that a killed engine of this sandbox
// left running, and names them. Official plugins do not end with the CLI. EndPlugins
// recognises them by the sandbox's PULUMI_HOME in their environment and by their
// program's name, since a user's shell may have the same PULUMI_HOME. It leaves those of
// a running engine alone.
func EndPlugins(ctx context.Context, stateDir string) (ended []string, err error) {
	mark := homeMark(stateDir)
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, dir := range processes {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		process, err := os.FindProcess(pid) // holds the process; its number may be reused
		if err != nil || !leftover(pid, mark) {
			continue
		}
		name := fmt.Sprintf("%s (%d)", programOf(pid), pid)
		if err := end(ctx, process, func() bool { return leftover(pid, mark) }); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", name, err))
			continue
		}
		ended = append(ended, name)
	}
	slices.Sort(ended)
	return ended, errors.Join(errs...)
}

// homeMark is the variable in the environment of all processes of this sandbox's engines.
func homeMark(stateDir string) string {
	return "PULUMI_HOME=" + (&Workspace{Options: Options{StateDir: stateDir}}).homeDir()
}

// leftover tells whether the process is such a plugin and its engine is gone.
func leftover(pid int, mark string) bool {
	program := programOf(pid)
	if !strings.HasPrefix(program, "pulumi-resource-") && !strings.HasPrefix(program, "pulumi-language-") {
		return false
	}
	environment, err := os.ReadFile(processFile(pid, "environ")) // empty after the process has ended
	if err != nil || !slices.ContainsFunc(bytes.Split(environment, []byte{0}), func(variable []byte) bool { return string(variable) == mark }) {
		return false
	}
	return programOf(parentOf(pid)) != "pulumi"
}

// programOf is the name of a process's program, or "" for an unknown process.
func programOf(pid int) string {
	target, err := os.Readlink(processFile(pid, "exe"))
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSuffix(target, " (deleted)"))
}

// parentOf is the number of the parent process, or 0 if it is unknown.
func parentOf(pid int) int {
	status, err := os.ReadFile(processFile(pid, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if number, ok := strings.CutPrefix(line, "PPid:"); ok {
			parent, _ := strconv.Atoi(strings.TrimSpace(number))
			return parent
		}
	}
	return 0
}

func processFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// end asks the process to end and kills it if it does not.
func end(ctx context.Context, process *os.Process, lives func() bool) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		for deadline := time.Now().Add(endTime); time.Now().Before(deadline); {
			if !lives() {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return errors.New("the process does not end; kill it by hand")
}
