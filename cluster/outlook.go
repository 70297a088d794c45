package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/host"
	"averazure/internal/names"
)

// clusterType is the type of the component, whose outputs have the secrets' versions.
const clusterType = names.Project + ":cluster:Cluster"

// tell reports in a preview what the update changes about the nodes, their Docker and the
// secrets.
func (c *Cluster) tell(ctx *pulumi.Context, name string, args Args) {
	args.Drift.Beside(ctx, func() error {
		lines := args.nodeLines(ctx.Context())
		if before, ok := args.Drift.Left(clusterType, name)["secrets"].(map[string]any); ok { // otherwise another version of the program wrote the outputs
			lines = append(lines, changed(ctx.Context(), before, c.Secrets)...)
		}
		return args.Drift.Tell(ctx, c, lines)
	})
}

// nodeLines describe the nodes that are added, removed or changed, and those whose Docker
// restarts.
func (a Args) nodeLines(ctx context.Context) []string {
	var lines, present, restarting []string
	for _, h := range a.Hosts {
		present = append(present, h.Name)
		line := a.nodeLine(ctx, h)
		if line != "" {
			lines = append(lines, line)
		} else if a.restartsOn(h.Name) {
			restarting = append(restarting, h.Name)
		}
	}
	for _, former := range a.Drift.VMs() {
		if !slices.Contains(present, former) {
			lines = append(lines, fmt.Sprintf("node %s: leaves the Swarm, and its VM is deleted", former))
		}
	}
	switch len(restarting) {
	case 0:
		return lines
	case 1:
		return append(lines, "Docker restarts on "+restarting[0])
	}
	return append(lines, fmt.Sprintf("Docker restarts on %s, one after another", strings.Join(restarting, ", ")))
}

// nodeLine describes what the update does to a node; empty for nothing. Before Pulumi
// changes a VM, it does not know the VM's new id.
func (a Args) nodeLine(ctx context.Context, h host.Host) string {
	former, made := a.Drift.VM(h.Name)
	if !made {
		return fmt.Sprintf("node %s: new", h.Name)
	}
	if a.Drift.Repairs(h.Name) {
		return fmt.Sprintf("node %s: rebuilt, if its VM is gone", h.Name)
	}
	switch id, known := drift.Await(ctx, h.VMID); {
	case !known:
		return fmt.Sprintf("node %s: rebuilt or restarted", h.Name)
	case former != "" && id != former: // an older version of the program kept no id
		return fmt.Sprintf("node %s: rebuilt", h.Name)
	}
	return ""
}

// restartsOn tells whether Docker restarts on a node that already has it: because its
// settings change, or because somebody changed them there.
func (a Args) restartsOn(node string) bool {
	before, _ := a.Drift.Left(drift.CommandType, node+settingsStep)["update"].(string)
	arguments, sent := settingsArguments(before)
	return sent && (!strings.Contains(arguments, a.restartsFor()) || a.Drift.Repairs(node+settingsStep))
}

// changed describes the secrets that the update changes. A version is not known yet if the
// update makes the credential again, or may do so.
func changed(ctx context.Context, before map[string]any, after map[string]pulumi.StringOutput) []string {
	all := map[string]bool{}
	for name := range before {
		all[name] = true
	}
	for name := range after {
		all[name] = true
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		output, is := after[name]
		former, was := before[name]
		if !is {
			lines = append(lines, fmt.Sprintf("secret %s: removed", name))
			continue
		}
		switch version, known := drift.Await(ctx, output); {
		case !was:
			lines = append(lines, fmt.Sprintf("secret %s: new", name))
		case !known:
			lines = append(lines, fmt.Sprintf("secret %s: new version, if the update makes another value", name))
		case version != former:
			lines = append(lines, fmt.Sprintf("secret %s: new version", name))
		}
	}
	return lines
}
