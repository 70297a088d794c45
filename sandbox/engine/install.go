package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

// installTime limits one run of apt; settleTime is how long apt may then take to end
// cleanly.
const (
	installTime = 10 * time.Minute
	settleTime  = 2 * time.Minute
)

// Install installs the Debian packages of missing programs; programs maps each program to
// its package. It records the packages in the cache, since they stay installed; see
// [Installed].
func Install(ctx context.Context, opts Options, programs map[string]string) error {
	missing := missingPackages(programs, func(program string) bool {
		_, err := LookPath(program)
		return err == nil
	})
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s: not installed, and this machine has no apt-get; install it by hand", strings.Join(missing, ", "))
	}
	opts.Log("installing with apt: %s", strings.Join(missing, " "))
	// apt-get update fails on any broken source, also on one that does not matter here.
	updateErr := apt(ctx, "update", "-qq")
	if err := apt(ctx, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)...); err != nil {
		return errors.Join(err, updateErr)
	}
	return recordInstalled(opts.CacheDir, missing)
}

func installedFile(cacheDir string) string { return filepath.Join(cacheDir, "installed-packages") }

// recordInstalled adds to the list of packages that Install installed.
func recordInstalled(cacheDir string, packages []string) error {
	text, err := os.ReadFile(installedFile(cacheDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all := append(strings.Fields(string(text)), packages...)
	sort.Strings(all)
	return os.WriteFile(installedFile(cacheDir), []byte(strings.Join(slices.Compact(all), "\n")+"\n"), 0o644)
}

// Installed are the packages that Install installed and that dpkg still lists.
func Installed(cacheDir, dpkgInfo string) []string {
	text, err := os.ReadFile(installedFile(cacheDir))
	if err != nil {
		return nil
	}
	var present []string
	for _, pkg := range strings.Fields(string(text)) {
		if _, err := os.Stat(filepath.Join(dpkgInfo, pkg+".list")); err == nil {
			present = append(present, pkg)
		}
	}
	return present
}

// DpkgInfo is where dpkg lists the files of installed packages.
const DpkgInfo = "/var/lib/dpkg/info"

// missingPackages are the packages of missing programs, sorted.
func missingPackages(programs map[string]string, present func(string) bool) []string {
	var missing []string
	for program, pkg := range programs {
		if !present(program) {
			missing = append(missing, pkg)
		}
	}
	sort.Strings(missing)
	return missing
}

// apt runs to its end even after an interrupt, since a half-installed package is worse than
// a delay. It has its own process group, so that Ctrl-C does not reach it.
func apt(ctx context.Context, args ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=120"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = settleTime
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w; its last lines:\n%s", args[0], err, LastLines(string(out), 15))
	}
	return nil
}

var systemDir = "/usr/sbin"

// LookPath also searches the directories of daemons, which are often not on a user's
// PATH.
func LookPath(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join(systemDir, program))
}

// LastLines is the end of a program's output, which usually contains the error.
func LastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
