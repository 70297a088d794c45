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

// endTime is what a plugin gets to end in when it is asked to, and again when it
// is killed.
const endTime = 5 * time.Second

// EndPlugins ends the plugins and language runtimes that an engine of the sandbox
// in stateDir left when it was killed, and names them. The official ones are
// children of the CLI that do not end with it. They are known by the PULUMI_HOME
// that they were started with, which is this sandbox's alone, and by their program's
// name: a shell or an editor of the user's may have the same home. Those of an
// engine that lives are let alone.
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
		process, err := os.FindProcess(pid) // holds on to it: its number may be used again
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

// homeMark is the variable that every process of this sandbox's engines has.
func homeMark(stateDir string) string {
	return "PULUMI_HOME=" + (&Workspace{Options: Options{StateDir: stateDir}}).homeDir()
}

// leftover says whether the process is a plugin with the mark whose engine is gone.
func leftover(pid int, mark string) bool {
	program := programOf(pid)
	if !strings.HasPrefix(program, "pulumi-resource-") && !strings.HasPrefix(program, "pulumi-language-") {
		return false
	}
	environment, err := os.ReadFile(processFile(pid, "environ")) // empty once it has ended
	if err != nil || !slices.ContainsFunc(bytes.Split(environment, []byte{0}), func(variable []byte) bool { return string(variable) == mark }) {
		return false
	}
	return programOf(parentOf(pid)) != "pulumi"
}

// programOf is the name of a process's program; "" when there is no such process.
func programOf(pid int) string {
	target, err := os.Readlink(processFile(pid, "exe"))
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSuffix(target, " (deleted)"))
}

// parentOf is the process that waits for this one; 0 when that is unknown.
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

// end asks the process to end, and then makes it.
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
	return errors.New("it does not end; kill it by hand")
}
