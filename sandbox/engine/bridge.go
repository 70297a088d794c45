package engine

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// bridges names the bridges of an engine's own networks. Usually there are none: a sandbox
// removes its networks, except one on which Docker still counts a container that is gone.
func bridges(ctx context.Context, docker *client.Client) []string {
	found, err := docker.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "custom"), filters.Arg("driver", "bridge"))})
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range found {
		names = append(names, "br-"+n.ID[:12])
	}
	return names
}

// removeBridges removes bridges that an engine leaves at its end, and the iptables rules
// about them. A bridge that is left keeps its addresses, and the next network with the same
// addresses cannot be reached. Errors are ignored, because usually there is nothing to
// remove.
func removeBridges(ctx context.Context, names ...string) {
	for _, name := range names {
		tool(ctx, "ip", "link", "delete", name)
	}
	for _, iptables := range []string{"iptables", "ip6tables"} {
		for _, table := range []string{"filter", "nat"} {
			for _, removal := range removals(tool(ctx, iptables, "-w", "5", "-t", table, "-S"), names) {
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

// removals derives from a table's listing the commands that remove the rules about the
// bridges. If docker0 is one of the bridges, they also remove Docker's own rules and
// chains. Rules are removed first, then chains.
func removals(listing string, bridges []string) [][]string {
	whole := slices.Contains(bridges, dockerBridge)
	isAbout := func(field string) bool {
		return slices.Contains(bridges, field) || whole && strings.HasPrefix(field, "DOCKER")
	}
	var rules, chains [][]string
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "-N" && whole && strings.HasPrefix(fields[1], "DOCKER"):
			chains = append(chains, []string{"-X", fields[1]})
		case fields[0] == "-A" && slices.ContainsFunc(fields[1:], isAbout):
			rules = append(rules, append([]string{"-D"}, fields[1:]...))
		}
	}
	return append(rules, chains...)
}

// dockerBridge is the bridge of every engine's default network.
const dockerBridge = "docker0"
