package hosts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
)

// beginning is how long a sandbox may take from its first network to its first container.
const beginning = 10 * time.Minute

// begins tells whether a network may belong to a sandbox that is just starting. An older
// empty network is a leftover of removeNetwork.
func begins(n network.Summary) bool { return time.Since(n.Created) < beginning }

// others names the other sandboxes of this engine: those with a container, and those that
// are just starting.
func (r *Room) others(ctx context.Context) ([]string, error) {
	label := filters.NewArgs(filters.Arg("label", labelSandbox))
	networks, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: label})
	containers, err2 := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: label})
	var names []string
	for _, n := range networks {
		if begins(n) {
			names = append(names, n.Labels[labelSandbox])
		}
	}
	for _, c := range containers {
		names = append(names, c.Labels[labelSandbox])
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == r.Name })
	slices.Sort(names)
	return slices.Compact(names), errors.Join(err, err2)
}
