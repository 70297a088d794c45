package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// Down removes everything that belongs to this sandbox, whoever made it, and
// with the last sandbox the images and the engine, if we started it. What can
// be had again without a download stays in the cache directory.
func (r *Room) Down(ctx context.Context) error {
	r.log("removing the nodes, networks and volumes")
	errs := []error{r.removeContainers(ctx), r.removeNetworks(ctx), r.removeVolumes(ctx), r.removePushed(ctx), r.distrustHere(hostTrust)}
	for _, name := range []string{"addresses.json", "registry.json", "source", "filters"} {
		errs = append(errs, os.RemoveAll(filepath.Join(r.StateDir, name)))
	}
	others, err := r.othersRemain(ctx)
	errs = append(errs, err)
	if err == nil && !others {
		errs = append(errs, r.removeImages(ctx), r.engine.Stop(ctx))
	}
	return errors.Join(errs...)
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

// removePushed removes the names under which images were pushed to this
// sandbox's registry.
func (r *Room) removePushed(ctx context.Context) error {
	found, err := r.docker.ImageList(ctx, image.ListOptions{})
	errs := []error{err}
	for _, summary := range found {
		for _, ref := range append(summary.RepoTags, summary.RepoDigests...) {
			if strings.HasPrefix(ref, r.registryHost()+":") {
				errs = append(errs, r.removeImage(ctx, ref))
			}
		}
	}
	return errors.Join(errs...)
}

// removeImages removes all images of the sandboxes' own, whatever they are
// called, and what was built on them and has no name.
func (r *Room) removeImages(ctx context.Context) error {
	found, err := r.docker.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelImage))})
	errs := []error{err}
	for _, summary := range found {
		refs := summary.RepoTags
		if len(refs) == 0 || refs[0] == "<none>:<none>" {
			refs = []string{summary.ID}
		}
		for _, ref := range refs {
			errs = append(errs, r.removeImage(ctx, ref))
		}
	}
	return errors.Join(errs...)
}

func (r *Room) removeImage(ctx context.Context, ref string) error {
	_, err := r.docker.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// othersRemain says whether another sandbox uses this engine.
func (r *Room) othersRemain(ctx context.Context) (bool, error) {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", labelSandbox)),
	})
	return len(found) > 0, err
}
