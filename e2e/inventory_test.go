package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// engineSocket is where an engine listens if a sandbox has started it.
const engineSocket = "/run/averazure-sandbox/docker.sock"

// inventory lists what a sandbox might leave on the machine: Docker objects, files that git
// ignores except what the program compiles (.build), trusted registries and, unless another
// sandbox uses the engine, processes.
func (s *sandbox) inventory(ctx context.Context) ([]string, error) {
	found := dockerObjects(ctx)
	status := exec.CommandContext(ctx, "git", "ls-files", "--others", "--directory", "--exclude=/.build/")
	status.Dir = s.project
	out, err := status.Output()
	if err != nil {
		return nil, fmt.Errorf("list the files of the checkout: %w", err)
	}
	found = append(found, prefixed("file", strings.Split(strings.TrimSpace(string(out)), "\n"))...)
	if _, err := os.Stat(s.stateDir()); err == nil {
		found = append(found, "state "+s.stateDir())
	}
	if entries, err := os.ReadDir(filepath.Dir(engineSocket)); err == nil {
		for _, entry := range entries {
			found = append(found, "run "+entry.Name())
		}
	}
	trusted, err := filepath.Glob("/etc/docker/certs.d/" + strings.TrimSuffix(sandboxNetwork, "0/24") + "*")
	if err != nil {
		return nil, err
	}
	found = append(found, prefixed("trust", trusted)...)
	found = append(found, kernelState(ctx)...)
	if len(sandboxesUp(ctx)) == 0 {
		found = append(found, prefixed("process", engineProcesses())...)
	}
	slices.Sort(found)
	return found, nil
}

// dockerObjects are all objects of the machine's own engine, and those objects of a
// sandbox's engine that have the tests' label. An engine that does not answer has nothing
// to list. Untagged images are left out: on an engine that no sandbox started, a build
// leaves layers, which down names.
func dockerObjects(ctx context.Context) []string {
	label := []string{"--filter", "label=averazure.sandbox=" + sandboxName}
	var found []string
	for kind, args := range map[string][]string{
		"container": {"ps", "-a", "--format", "{{.Names}}"}, "network": {"network", "ls", "--format", "{{.Name}}"},
		"volume": {"volume", "ls", "-q"}, "image": {"images", "--filter", "dangling=false", "--format", "{{.Repository}}:{{.Tag}}"},
	} {
		for _, call := range [][]string{args, slices.Concat([]string{"-H", "unix://" + engineSocket}, args, label)} {
			if out, err := exec.CommandContext(ctx, "docker", call...).Output(); err == nil {
				found = append(found, prefixed(kind, strings.Fields(string(out)))...)
			}
		}
	}
	return found
}

// kernelState is the part of the machine's networking and mounts that a sandbox changes.
func kernelState(ctx context.Context) []string {
	var found []string
	for kind, call := range map[string][]string{
		"filter rule": {"iptables-save"}, "filter rule (IPv6)": {"ip6tables-save"}, "link": {"ip", "-br", "link"}, "network namespace": {"ip", "netns"},
	} {
		out, err := exec.CommandContext(ctx, call[0], call[1:]...).Output()
		if err != nil {
			continue // a program that is not installed has set nothing
		}
		for _, line := range strings.Split(string(out), "\n") {
			name, _, _ := strings.Cut(line, " ")
			switch {
			case strings.HasSuffix(call[0], "tables-save") && (line == "" || strings.ContainsAny(line[:1], "#*C") || strings.Contains(line, " ACCEPT [")):
			case kind == "link":
				found = append(found, kind+" "+name)
			case line != "":
				found = append(found, kind+" "+counters.ReplaceAllString(line, ""))
			}
		}
	}
	for _, file := range []string{"/proc/sys/net/ipv4/ip_forward", "/proc/self/mounts"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		found = append(found, prefixed(file, strings.Split(string(text), "\n"))...)
	}
	return found
}

// counters are the traffic counters of a chain in the output of iptables-save.
var counters = regexp.MustCompile(`\[\d+:\d+\]`)

// sandboxesUp are the containers of all sandboxes on an engine that a sandbox started.
func sandboxesUp(ctx context.Context) []string {
	out, err := exec.CommandContext(ctx, "docker", "-H", "unix://"+engineSocket, "ps", "-aq", "--filter", "label=averazure.sandbox").Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// engineProcesses are the command lines of all processes that belong to an engine and the
// hosts on it.
func engineProcesses() []string {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil
	}
	var found []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil { // it has ended meanwhile
			continue
		}
		program, _, _ := strings.Cut(string(raw), "\x00")
		for _, name := range []string{"dockerd", "containerd", "systemd", "sshd"} {
			if strings.HasPrefix(filepath.Base(program), name) {
				found = append(found, strings.ReplaceAll(string(raw), "\x00", " "))
			}
		}
	}
	return found
}

func prefixed(kind string, names []string) []string {
	var lines []string
	for _, name := range names {
		if name != "" {
			lines = append(lines, kind+" "+name)
		}
	}
	return lines
}
