package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/names"
)

// clusterType is the type of the component, whose outputs have the secrets' versions.
const clusterType = names.Project + ":cluster:Cluster"

// tell says in a preview which nodes, settings of Docker and secrets the update changes.
func (c *Cluster) tell(ctx *pulumi.Context, name string, args Args) {
	marks := args.Drift
	marks.Beside(ctx, func() error {
		before := marks.Left(clusterType, name)
		lines := args.comings(before)
		if secrets, ok := before["secrets"].(map[string]any); ok {
			lines = append(lines, changed(ctx.Context(), secrets, c.Secrets)...)
		}
		return marks.Tell(ctx, c, lines)
	})
}

// remembered are the outputs in which the component keeps what comings compares.
func (a Args) remembered() pulumi.Map {
	return pulumi.Map{"nodes": pulumi.ToStringArray(a.nodes()), "docker": pulumi.String(a.restartsFor())}
}

func (a Args) nodes() []string {
	var all []string
	for _, h := range a.Hosts {
		all = append(all, h.Name)
	}
	return all
}

// comings are the nodes that come and go, and whether Docker restarts on the others, in
// words. What a run of another version left has neither.
func (a Args) comings(before map[string]any) []string {
	list, known := before["nodes"].([]any)
	if !known {
		return nil
	}
	var lines, former, stay []string
	for _, node := range list {
		former = append(former, fmt.Sprint(node))
	}
	for _, h := range a.Hosts {
		if slices.Contains(former, h.Name) {
			stay = append(stay, h.Name)
		} else {
			lines = append(lines, fmt.Sprintf("node %s: new, a %s", h.Name, h.Role))
		}
	}
	for _, node := range former {
		if !slices.Contains(stay, node) {
			lines = append(lines, fmt.Sprintf("node %s: leaves the Swarm, and its VM is deleted", node))
		}
	}
	if before["docker"] != a.restartsFor() && len(stay) > 0 {
		lines = append(lines, fmt.Sprintf("Docker: other settings; it restarts on one node after another: %s", strings.Join(stay, ", ")))
	}
	return lines
}

// changed are the secrets that the update changes, in words. A version that is not known
// yet is one of a credential that the update makes again, or may.
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
