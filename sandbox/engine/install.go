package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
	"time"
)

// installTime bounds one run of apt.
const installTime = 10 * time.Minute

// Install installs the Debian packages of those programs that are missing;
// programs maps each to its package.
func Install(ctx context.Context, log func(string, ...any), programs map[string]string) error {
	missing := missingPackages(programs, func(program string) bool {
		_, err := lookPath(program)
		return err == nil
	})
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is not installed, and there is no apt-get here to install it; install it by hand", strings.Join(missing, ", "))
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	log("installing with apt: %s", strings.Join(missing, " "))
	if err := apt(ctx, "update", "-qq"); err != nil {
		return err
	}
	return apt(ctx, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)...)
}

// missingPackages are the packages of the programs that are not there, sorted.
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

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=120"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w; its last lines:\n%s", args[0], err, LastLines(string(out), 15))
	}
	return nil
}

// lookPath also looks where a user's PATH often does not: the daemons' place.
func lookPath(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + program)
}

// LastLines is the end of a program's output, which is where it says what went
// wrong.
func LastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
