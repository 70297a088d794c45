package hosts

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

// Down removes everything that belongs to this sandbox. With the last sandbox it also
// removes the images, and the engine if the sandbox started it. It keeps the cache
// directory, and names what stays in an engine that is not the sandbox's. It returns the
// other sandboxes, which still use the engine and the caches.
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

// removeBuilt removes the images that were pushed to this sandbox's registry, and images
// without a name that were built for it.
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

// removeImages removes the images of all sandboxes.
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

// imagesOfOurs are the names that the sandboxes gave an image, or its id if it has no
// name. A label is not enough: an image that a user builds on one of ours inherits it.
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

// nameKept names the Go image that stays in an engine that is not the sandbox's: somebody
// else may use it.
func (r *Room) nameKept(ctx context.Context) {
	if r.engine.Ours() {
		return
	}
	if has, _ := r.builder().Has(ctx, standin.GoImage); has {
		r.log("kept %[2]s and the layers built on it in the Docker engine at %[1]s; to remove them: `docker rmi %[2]s`, then `docker image prune`", r.engine.Host, standin.GoImage)
	}
}
