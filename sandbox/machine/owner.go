package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// owner is what the sandbox's objects say of whose they are. Two checkouts use
// the same name unless told otherwise; no two use one state directory.
func (r *Room) owner() string {
	if real, err := filepath.EvalSymlinks(r.StateDir); err == nil {
		return real
	}
	return r.StateDir
}

// refuseOthers fails if objects of this sandbox's name belong to another
// checkout's. Those whose checkout is gone count as ours, or nobody could remove
// them; so do those that do not say.
func (r *Room) refuseOthers(ctx context.Context) error {
	found, err := r.objectLabels(ctx)
	if err != nil {
		return err
	}
	for _, labels := range found {
		owner := labels[labelState]
		if owner == "" || owner == r.owner() {
			continue
		}
		if _, err := os.Stat(owner); err == nil {
			return fmt.Errorf("the sandbox %q on this machine is another checkout's, that of %s; give this one a name and a network of its own with --name and --network", r.Name, owner)
		}
	}
	return nil
}

// objectLabels are those of everything that bears the sandbox's name and is in use.
func (r *Room) objectLabels(ctx context.Context) ([]map[string]string, error) {
	var labels []map[string]string
	networks, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: r.mine()})
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		if begins(n) {
			labels = append(labels, n.Labels)
		}
	}
	containers, err := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: r.mine()})
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		labels = append(labels, c.Labels)
	}
	volumes, err := r.docker.VolumeList(ctx, volume.ListOptions{Filters: r.mine()})
	if err != nil {
		return nil, err
	}
	for _, v := range volumes.Volumes {
		labels = append(labels, v.Labels)
	}
	return labels, nil
}
