package machine

import (
	"context"
	"slices"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
)

// others names the other sandboxes that use this engine.
func (r *Room) others(ctx context.Context) ([]string, error) {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", labelSandbox)),
	})
	var names []string
	for _, n := range found {
		if name := n.Labels[labelSandbox]; name != r.Name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), err
}
