package engine

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// removeBridge removes the bridge and the iptables chains that an engine leaves at its
// end. It ignores errors: leftovers do no harm.
func removeBridge(ctx context.Context) {
	tool(ctx, "ip", "link", "delete", "docker0")
	for _, iptables := range []string{"iptables", "ip6tables"} {
		for _, table := range []string{"filter", "nat"} {
			for _, removal := range chainRemovals(tool(ctx, iptables, "-w", "5", "-t", table, "-S")) {
				tool(ctx, iptables, append([]string{"-w", "5", "-t", table}, removal...)...)
			}
		}
	}
}

// tool returns what a program prints, or nothing if it fails or is missing.
func tool(ctx context.Context, name string, args ...string) string {
	path, err := LookPath(name)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, _ := exec.CommandContext(ctx, path, args...).Output()
	return string(out)
}

// chainRemovals derives the commands that remove Docker's part of a table: first the
// rules that mention it, then its chains.
func chainRemovals(listing string) [][]string {
	var rules, chains [][]string
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "-N" && strings.HasPrefix(fields[1], "DOCKER"):
			chains = append(chains, []string{"-X", fields[1]})
		case fields[0] == "-A" && speaksOfDocker(fields[1:]):
			rules = append(rules, append([]string{"-D"}, fields[1:]...))
		}
	}
	return append(rules, chains...)
}

func speaksOfDocker(rule []string) bool {
	for _, field := range rule {
		if field == "docker0" || strings.HasPrefix(field, "DOCKER") {
			return true
		}
	}
	return false
}
