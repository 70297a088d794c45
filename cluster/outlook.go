package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/names"
)

// clusterType is the type of the component, whose outputs have the secrets' versions.
const clusterType = names.Project + ":cluster:Cluster"

// tell says in a preview which secrets the update changes.
func (c *Cluster) tell(ctx *pulumi.Context, name string, marks *drift.Marks) {
	marks.Beside(ctx, func() error {
		before, ok := marks.Left(clusterType, name)["secrets"].(map[string]any)
		if !ok {
			return nil // of another version
		}
		return marks.Tell(ctx, c, changed(ctx.Context(), before, c.Secrets))
	})
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
