package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// pin returns the specs with every image by its digest, so that all tasks of a release
// always run the same image. If the file has the same image as at the last deployment, the
// service keeps its digest, unless the registry has another one now.
//
// When a registry does not answer, the service keeps the digest that it runs; a bare tag
// must not replace it. A different image could not be pulled then either, so nothing is
// touched.
//
// Each spec also gets the platforms of its image, as Docker's client writes them. The
// registry is not asked for the platforms of an image that is named by its digest and
// already runs.
func (d *Reader) pin(ctx context.Context, specs stackfile.Specs, live map[string]swarm.Service) (stackfile.Specs, error) {
	written := imagesOf(specs)
	unknown := maps.Clone(written)
	maps.DeleteFunc(unknown, func(name, image string) bool { return byDigest(image) && runningOf(image, name, live).pinned == image })
	answers := d.digests(ctx, slices.Compact(slices.Sorted(maps.Values(unknown))))
	specs.Services = maps.Clone(specs.Services)
	for _, name := range slices.Sorted(maps.Keys(written)) {
		image := written[name]
		runs := runningOf(image, name, live)
		found, asked := answers[image]
		if !asked {
			found = runs
		} else if found.err != nil {
			_, isLive := live[name]
			found = d.withoutAnswer(name, image, runs, isLive, found.err)
		}
		if found.err != nil {
			return specs, imageError{name, image, found.err}
		}
		specs.Services[name] = found.into(specs.Services[name], image)
	}
	return specs, nil
}

// into is a spec with the registry's answer about its image; image is the name as the file
// writes it.
func (a answer) into(spec swarm.ServiceSpec, image string) swarm.ServiceSpec {
	spec = cloneSpec(spec)
	spec.TaskTemplate.ContainerSpec.Image = a.pinned
	if len(a.platforms) > 0 {
		if spec.TaskTemplate.Placement == nil {
			spec.TaskTemplate.Placement = &swarm.Placement{}
		}
		spec.TaskTemplate.Placement.Platforms = a.platforms
	}
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	if spec.Labels[imageLabel] == "" {
		spec.Labels[imageLabel] = image
	}
	return spec
}

// imageError says that an image cannot be deployed.
type imageError struct {
	service, image string
	why            error
}

func (e imageError) Error() string {
	return fmt.Sprintf("service %s: image %s: %s", e.service, e.image, withoutRepeats(e.why.Error()))
}

// The codes of images that a registry does not show.
const (
	CodeImageMissing = "image-missing"
	CodeImageDenied  = "image-denied"
	CodeRegistryAway = "registry-away"
)

// missing asks the registries once for each image that the last release does not have, and
// lists the images that they do not show.
func (d *Reader) missing(ctx context.Context, last *Release, specs stackfile.Specs) []Problem {
	written := imagesOf(specs)
	if last != nil {
		released := imagesOf(last.Specs)
		maps.DeleteFunc(written, func(name, image string) bool {
			return released[name] == image || last.Specs.Services[name].Labels[imageLabel] == image
		})
	}
	maps.DeleteFunc(written, func(_, image string) bool { return byDigest(image) })
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
	p.Reason = fmt.Sprintf("image %s: %s (%s)", image, said, withoutRepeats(firstLine(why)))
	return p
}

// runningOf is what already runs for an image as the file writes it: in the service itself,
// or in another one; empty if nothing does.
func runningOf(image, service string, live map[string]swarm.Service) answer {
	for _, name := range append([]string{service}, slices.Sorted(maps.Keys(live))...) {
		task := live[name].Spec.TaskTemplate
		if task.ContainerSpec == nil || live[name].Spec.Labels[imageLabel] != image {
			continue
		}
		runs := answer{pinned: task.ContainerSpec.Image}
		if task.Placement != nil {
			runs.platforms = task.Placement.Platforms
		}
		return runs
	}
	return answer{}
}

// withoutAnswer is the image to run if the registry did not give its digest.
func (d *Reader) withoutAnswer(service, image string, runs answer, isLive bool, why error) answer {
	if own := (errOwn{}); errors.As(why, &own) {
		return answer{err: own.error}
	}
	switch {
	case runs.pinned != "":
		d.say("%s: the registry gives no digest of %s (%v); the running one stays", service, image, firstLine(why))
		return runs
	case isLive && errdefs.IsNotFound(why):
		return answer{err: fmt.Errorf("the registry does not have it: %v", firstLine(why))}
	case !isLive, errdefs.IsPermissionDenied(why), errdefs.IsUnauthorized(why), errdefs.IsInvalidArgument(why):
		// The nodes may have the image. If they do not, the deployment says so.
		d.say("%s: the registry gives no digest of %s: %v", service, image, firstLine(why))
		return answer{pinned: image}
	}
	return answer{err: fmt.Errorf("the registry cannot be asked, so the nodes could not pull it: %v; try again when it answers", firstLine(why))}
}
