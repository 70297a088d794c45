// Package costtest measures how much memory and time it takes to read a hostile file. Each
// file is read by a separate process, since the peak memory of a process never decreases.
package costtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

const file = "HOSTILE_FILE"

// File is the file that this process has to read; empty in the process that measures.
func File() string { return os.Getenv(file) }

// Measure runs the current test once more, in a separate process that reads data. It
// returns the peak memory of that process in bytes, and its time in user mode.
func Measure(t *testing.T, data []byte) (memory int, took time.Duration) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hostile")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	test, _, _ := strings.Cut(t.Name(), "/")
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
	command.Env = append(os.Environ(), file+"="+path)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var kilobytes int
	if _, err := fmt.Sscanf(string(output), "VmHWM: %d kB", &kilobytes); err != nil {
		t.Fatalf("%v in %q", err, output)
	}
	return kilobytes << 10, command.ProcessState.UserTime()
}

// Report prints the peak memory of this process, for Measure.
func Report(t *testing.T) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Print("VmHWM:", most)
}

// RaceDetector tells whether the race detector is on. With it, reading a file takes several
// times as much.
func RaceDetector() bool {
	build, _ := debug.ReadBuildInfo()
	return build != nil && slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
