package hosts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// owner identifies the checkout by its state directory. Two checkouts may use the same
// name, but never the same state directory.
func (r *Room) owner() string {
	if real, err := filepath.EvalSymlinks(r.StateDir); err == nil {
		return real
	}
	return r.StateDir
}

// refuseOthers fails if another checkout has a sandbox of this name. Objects without an
// owner, and those of a deleted checkout, count as ours, so that somebody can remove
// them.
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
			return fmt.Errorf("the sandbox %q on this machine belongs to another checkout, whose state is in %s; take it down there, or use another --name and --network here", r.Name, owner)
		}
	}
	return nil
}

// objectLabels are the labels of all objects of this sandbox that are in use.
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
