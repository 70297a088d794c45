package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// machine names what everything runs on, and how busy it is.
func machine() string {
	return fmt.Sprintf("Measured %s on %d cores (%s) with %s of memory, Linux %s, load %s at the beginning",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), field("/proc/cpuinfo", `model name\s*: (.+)`),
		memory(field("/proc/meminfo", `MemTotal:\s*(\d+) kB`)),
		field("/proc/sys/kernel/osrelease", `(\S+)`), field("/proc/loadavg", `(\S+)`))
}

// field returns what the expression finds in a file, or "unknown" if it finds nothing.
func field(file, expression string) string {
	text, err := os.ReadFile(file)
	if err == nil {
		if found := regexp.MustCompile(expression).FindSubmatch(text); found != nil {
			return string(found[1])
		}
	}
	return "unknown"
}

// memory converts kB to GiB.
func memory(kB string) string {
	var n float64
	if _, err := fmt.Sscan(kB, &n); err != nil {
		return kB
	}
	return fmt.Sprintf("%.0f GiB", n/(1<<20))
}

// versions names the versions of what was compared. Those of the sandbox are included where
// it was used.
func (b *bench) versions(ctx context.Context) string {
	all := []string{"commit " + said(ctx, `\S+`, "git", "rev-parse", "--short", "HEAD"), "Go " + strings.TrimPrefix(runtime.Version(), "go")}
	if b.box != nil {
		all = append(all, b.pulumi, b.onNodes)
	}
	if b.parts["compare"] || b.parts["nothing"] {
		all = append(all, "ansible-core "+said(ctx, `core (\S+)\]`, "ansible-playbook", "--version"), said(ctx, `OpenSSH_\S+`, "ssh", "-V"))
	}
	return "; " + strings.Join(all, ", ") + "."
}

// look records the versions that run on the nodes, while there are nodes.
func (b *bench) look(ctx context.Context) error {
	out, err := b.box.exec(ctx, b.manager(), "echo Debian $(cat /etc/debian_version) with Docker $(docker version --format '{{.Server.Version}}') on the nodes")
	b.onNodes = out
	return err
}

// said returns the part of a program's version output that the expression finds.
func said(ctx context.Context, expression, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if found := regexp.MustCompile(expression).FindSubmatch(out); found != nil {
		return string(found[len(found)-1])
	}
	return name + " of an unknown version"
}
