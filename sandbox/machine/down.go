package machine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"averazure/sandbox/images"
	"averazure/sandbox/standin"
)

// Down removes everything that belongs to this sandbox, whoever made it, and
// with the last sandbox the images and the engine, if we started it. What can
// be had again without a download stays in the cache directory; what stays in an
// engine that was here before is named. It returns the other sandboxes that use
// the engine, for whose sake that and the caches stay.
func (r *Room) Down(ctx context.Context) (others []string, err error) {
	r.log("removing the nodes, networks and volumes")
	errs := []error{r.removeContainers(ctx), r.removeBuilt(ctx), r.removeNetworks(ctx), r.removeVolumes(ctx), r.distrustHere(r.trustDir)}
	for _, name := range []string{"addresses.json", "registry.json", "source", "filters", "acme", "ca.crt", "names", "ports.json", "balancer.json", "attached", "disks", "blobs", "identities"} {
		errs = append(errs, os.RemoveAll(filepath.Join(r.StateDir, name)))
	}
	others, err = r.others(ctx)
	errs = append(errs, err)
	if err == nil && len(others) == 0 {
		errs = append(errs, r.removeImages(ctx), r.sweep(ctx))
		r.nameKept(ctx)
		errs = append(errs, r.engine.Stop(ctx))
	}
	return others, errors.Join(errs...)
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
		errs = append(errs, r.removeNetwork(ctx, n))
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

// removeBuilt removes the names under which images were pushed to this
// sandbox's registry, and what was built for it and has no name.
func (r *Room) removeBuilt(ctx context.Context) error {
	found, err := r.docker.ImageList(ctx, image.ListOptions{})
	errs := []error{err}
	for _, summary := range found {
		for _, ref := range append(summary.RepoTags, summary.RepoDigests...) {
			if strings.HasPrefix(ref, r.registryHost()+":") {
				errs = append(errs, r.builder().Remove(ctx, ref))
			}
		}
		if untagged(summary) && summary.Labels[labelSandbox] == r.Name {
			errs = append(errs, r.builder().Remove(ctx, summary.ID))
		}
	}
	return errors.Join(errs...)
}

// removeImages removes all images of the sandboxes' own.
func (r *Room) removeImages(ctx context.Context) error {
	found, err := r.docker.ImageList(ctx, image.ListOptions{})
	errs := []error{err}
	for _, summary := range found {
		for _, ref := range imagesOfOurs(summary) {
			errs = append(errs, r.builder().Remove(ctx, ref))
		}
	}
	return errors.Join(errs...)
}

// imagesOfOurs are the names of an image that the sandboxes gave it, its id
// where it has none. Labels do not tell: whatever somebody builds on an image of
// ours inherits them.
func imagesOfOurs(summary image.Summary) []string {
	if untagged(summary) {
		if _, ours := summary.Labels[images.Label]; ours {
			return []string{summary.ID}
		}
		return nil
	}
	var refs []string
	toolchain := false
	for _, ref := range summary.RepoTags {
		if strings.HasPrefix(ref, images.Prefix) {
			refs = append(refs, ref)
			toolchain = toolchain || strings.HasPrefix(ref, images.Prefix+"golang:")
		}
	}
	if toolchain && slices.Contains(summary.RepoTags, standin.GoImage) {
		refs = append(refs, standin.GoImage)
	}
	return refs
}

func untagged(summary image.Summary) bool {
	return len(summary.RepoTags) == 0 || summary.RepoTags[0] == "<none>:<none>"
}

// nameKept says what stays in an engine that is not ours, where the application's
// image was built on one from Docker Hub: whose that one is cannot be told.
func (r *Room) nameKept(ctx context.Context) {
	if r.engine.Ours() {
		return
	}
	if has, _ := r.builder().Has(ctx, standin.GoImage); has {
		r.log("kept in the Docker engine at %s: %s and the layers built on it; `docker rmi %[2]s` and `docker image prune` remove them", r.engine.Host, standin.GoImage)
	}
}
