package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// needAnsible installs Debian's Ansible where it is missing. Nothing else needs it.
func needAnsible(ctx context.Context) error {
	if _, err := exec.LookPath("ansible-playbook"); err == nil {
		return nil
	}
	fmt.Fprintln(os.Stderr, "==> installing with apt: ansible-core")
	cmd := exec.CommandContext(ctx, "bash", "-euc", "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ansible-core")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install ansible-core: %w; install it yourself, in a venv on PATH for instance\n%s", err, out)
	}
	return nil
}

// recapLine is one of the table that ansible-playbook ends with:
//
//	aver-manager : ok=12 changed=5 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
var recapLine = regexp.MustCompile(`(?m)^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)`)

// recap checks that table: every node succeeded, and was changed where it had to be.
func recap(said string, nodes int, unchanged bool) error {
	found := recapLine.FindAllStringSubmatch(said, -1)
	if len(found) != nodes {
		return fmt.Errorf("the playbook reports on %d nodes, want %d", len(found), nodes)
	}
	for _, f := range found {
		changed, err := strconv.Atoi(f[2])
		if err != nil {
			return err
		}
		if f[3] != "0" || f[4] != "0" || (changed == 0) != unchanged {
			return fmt.Errorf("the playbook on %s: %s changed, %s unreachable, %s failed", f[1], f[2], f[3], f[4])
		}
	}
	return nil
}
