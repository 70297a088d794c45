package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// pin returns the specs with every image by its digest, so that all tasks of a
// release always run the same one. If the file has the same image as at the last
// deployment, the service keeps its digest, unless the registry has another one now.
//
// When a registry does not answer, the service keeps the digest that it runs; a bare
// tag must not replace it. Another image could not be pulled then either, so nothing is
// touched.
func (d *Deployer) pin(ctx context.Context, specs stackfile.Specs, live map[string]swarm.Service) (stackfile.Specs, error) {
	written := imagesOf(specs)
	answers := d.digests(ctx, slices.Compact(slices.Sorted(maps.Values(written))))
	specs.Services = maps.Clone(specs.Services)
	for _, name := range slices.Sorted(maps.Keys(written)) {
		image := written[name]
		pinned := answers[image].pinned
		if err := answers[image].err; err != nil {
			_, isLive := live[name]
			if pinned, err = d.withoutAnswer(name, image, runningOf(image, name, live), isLive, err); err != nil {
				return specs, imageError{name, image, err}
			}
		}
		specs.Services[name] = withImage(specs.Services[name], image, pinned)
	}
	return specs, nil
}

// withImage is a spec with its image by digest, and with the written one in a label.
func withImage(spec swarm.ServiceSpec, written, pinned string) swarm.ServiceSpec {
	spec = cloneSpec(spec)
	spec.TaskTemplate.ContainerSpec.Image = pinned
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	if spec.Labels[imageLabel] == "" {
		spec.Labels[imageLabel] = written
	}
	return spec
}

// imageError says that an image cannot be deployed.
type imageError struct {
	service, image string
	why            error
}

func (e imageError) Error() string {
	return fmt.Sprintf("service %s: image %s: %v", e.service, e.image, e.why)
}

// answer is what the registry says of an image.
type answer struct {
	pinned string
	err    error
}

// askedAtOnce is the number of images that the registries are asked for at the same time.
// Each question takes a good part of a second.
const askedAtOnce = 8

// digests asks the registries which images some names stand for.
func (d *Deployer) digests(ctx context.Context, images []string) map[string]answer {
	answers := make([]answer, len(images))
	turns := make(chan struct{}, askedAtOnce)
	var group sync.WaitGroup
	for i, image := range images {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			answers[i].pinned, answers[i].err = d.digestOf(ctx, image)
		})
	}
	group.Wait()
	found := map[string]answer{}
	for i, image := range images {
		found[image] = answers[i]
	}
	return found
}

// The codes of images that a registry does not show.
const (
	CodeImageMissing = "image-missing"
	CodeImageDenied  = "image-denied"
	CodeRegistryAway = "registry-away"
)

// missing asks the registries once for each image that the last release does not have, and
// lists those that they do not show.
func (d *Deployer) missing(ctx context.Context, last *Release, specs stackfile.Specs) []Problem {
	written := imagesOf(specs)
	if last != nil {
		released := imagesOf(last.Specs)
		maps.DeleteFunc(written, func(name, image string) bool {
			return released[name] == image || last.Specs.Services[name].Labels[imageLabel] == image
		})
	}
	ctx, cancel := context.WithTimeout(ctx, d.Settings.Image)
	defer cancel()
	answers := d.digests(ctx, slices.Compact(slices.Sorted(maps.Values(written))))
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if err := answers[written[name]].err; err != nil {
			problems = append(problems, notShown(name, written[name], err))
		}
	}
	return problems
}

// notShown says why a registry did not show an image.
func notShown(service, image string, why error) Problem {
	p := Problem{Code: CodeRegistryAway, Service: service}
	said := "its registry did not answer, so it is unknown whether the image exists"
	switch {
	case errdefs.IsNotFound(why):
		p.Code, said = CodeImageMissing, "its registry does not have it"
	case errdefs.IsUnauthorized(why), errdefs.IsPermissionDenied(why):
		p.Code, said = CodeImageDenied, "its registry refuses it to the nodes: the image does not exist, or averazure:registryPullToken may not read it"
	case errors.As(why, new(errOwn)):
		p.Code, said = CodeImageMissing, "the registry cannot be asked for this name"
	}
	p.Reason = fmt.Sprintf("image %s: %s (%s)", image, said, firstLine(why))
	return p
}

// errOwn marks an error that is not a registry's.
type errOwn struct{ error }

// digestOf asks the registry which image a tag stands for.
func (d *Deployer) digestOf(ctx context.Context, image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", errOwn{err}
	}
	if _, ok := named.(reference.Digested); ok {
		return image, nil
	}
	auth, err := d.auth(image)
	if err != nil {
		return "", errOwn{err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Settings.Call)
	defer cancel()
	answer, err := d.Swarm.DistributionInspect(ctx, image, auth)
	if err != nil && !answered(err) && d.sleep(ctx, d.Settings.Poll) == nil { // the connection may have broken
		answer, err = d.Swarm.DistributionInspect(ctx, image, auth)
	}
	if err != nil {
		return "", err
	}
	return withDigest(named, answer)
}

// runningOf is what runs of an image as the file writes it: of the service itself, or
// of another one; empty where none does.
func runningOf(image, service string, live map[string]swarm.Service) string {
	for _, name := range append([]string{service}, slices.Sorted(maps.Keys(live))...) {
		if c := live[name].Spec.TaskTemplate.ContainerSpec; c != nil && live[name].Spec.Labels[imageLabel] == image {
			return c.Image
		}
	}
	return ""
}

// withoutAnswer is the image to run where the registry did not say which it is.
func (d *Deployer) withoutAnswer(service, image, runs string, isLive bool, why error) (string, error) {
	if own := (errOwn{}); errors.As(why, &own) {
		return "", own.error
	}
	switch {
	case runs != "":
		d.say("%s: the registry gives no digest of %s (%v); the running one stays", service, image, firstLine(why))
		return runs, nil
	case isLive && errdefs.IsNotFound(why):
		return "", fmt.Errorf("the registry does not have it: %v", firstLine(why))
	case !isLive, errdefs.IsPermissionDenied(why), errdefs.IsUnauthorized(why), errdefs.IsInvalidArgument(why):
		// The nodes may have the image. If they do not, the deployment says so.
		d.say("%s: the registry gives no digest of %s: %v", service, image, firstLine(why))
		return image, nil
	}
	return "", fmt.Errorf("the registry cannot be asked, so the nodes could not pull it: %v; try again when it answers", firstLine(why))
}

func withDigest(named reference.Named, answer registry.DistributionInspect) (string, error) {
	pinned, err := reference.WithDigest(reference.TagNameOnly(named), answer.Descriptor.Digest)
	if err != nil {
		return "", err
	}
	return reference.FamiliarString(pinned), nil
}

func (d *Deployer) auth(image string) (string, error) {
	if d.Auth == nil {
		return "", nil
	}
	return d.Auth(image)
}
