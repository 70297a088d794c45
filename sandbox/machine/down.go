package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// Down removes everything that belongs to this sandbox, whoever made it, and
// with the last sandbox the images and the engine, if we started it. It returns
// what is kept on purpose.
func (r *Room) Down(ctx context.Context) (kept []string, err error) {
	errs := []error{r.removeContainers(ctx), r.removeNetworks(ctx), r.removeVolumes(ctx), r.distrustHere()}
	for _, name := range []string{"addresses.json", "registry.json", "filters"} {
		errs = append(errs, os.RemoveAll(filepath.Join(r.StateDir, name)))
	}
	others, err := r.othersRemain(ctx)
	errs = append(errs, err)
	if err == nil && !others {
		errs = append(errs, r.removeImages(ctx), r.engine.Stop(ctx))
	}
	for _, name := range []string{"images", "mirror", "ca"} {
		if dir := filepath.Join(r.cacheDir, name); exists(dir) {
			kept = append(kept, dir)
		}
	}
	return kept, errors.Join(errs...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (r *Room) removeContainers(ctx context.Context) error {
	found, err := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: r.mine()})
	if err != nil {
		return err
	}
	done := make(chan error, len(found))
	for _, c := range found {
		go func() { done <- r.removeContainer(ctx, c.ID) }()
	}
	var errs []error
	for range found {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

func (r *Room) removeNetworks(ctx context.Context) error {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: r.mine()})
	errs := []error{err}
	for _, n := range found {
		if err := r.docker.NetworkRemove(ctx, n.ID); err != nil {
			errs = append(errs, fmt.Errorf("remove the network %s: %w", n.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Room) removeVolumes(ctx context.Context) error {
	found, err := r.docker.VolumeList(ctx, volume.ListOptions{Filters: r.mine()})
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range found.Volumes {
		errs = append(errs, r.docker.VolumeRemove(ctx, v.Name, true))
	}
	return errors.Join(errs...)
}

// othersRemain says whether another sandbox uses this engine.
func (r *Room) othersRemain(ctx context.Context) (bool, error) {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", labelSandbox)),
	})
	return len(found) > 0, err
}
