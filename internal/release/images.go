package release

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// pin returns the specs with every image by its digest, so that all tasks of a
// release run the same one for ever. What a service runs already stays: where the
// file says the same as at the last deployment, its digest is kept, unless the
// registry has another one now.
//
// A registry that does not answer is no reason to replace a digest that runs by a
// bare tag: the service keeps it. Another image than the one that runs cannot be
// pulled then either, so nothing is touched.
func (d *Deployer) pin(ctx context.Context, specs stackfile.Specs, live map[string]swarm.Service) (stackfile.Specs, error) {
	specs.Services = maps.Clone(specs.Services)
	resolved := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(specs.Services)) {
		spec := cloneSpec(specs.Services[name])
		container := spec.TaskTemplate.ContainerSpec
		if container == nil {
			continue
		}
		written := container.Image
		if _, ok := resolved[written]; !ok {
			pinned, err := d.digestOf(ctx, name, written, live[name])
			if err != nil {
				return specs, err
			}
			resolved[written] = pinned
		}
		container.Image = resolved[written]
		if spec.Labels == nil {
			spec.Labels = map[string]string{}
		}
		if spec.Labels[imageLabel] == "" {
			spec.Labels[imageLabel] = written
		}
		specs.Services[name] = spec
	}
	return specs, nil
}

// imageError says that an image cannot be deployed.
type imageError struct {
	service, image string
	why            error
}

func (e imageError) Error() string {
	return fmt.Sprintf("service %s: image %s: %v", e.service, e.image, e.why)
}

// digestOf asks the registry which image a tag stands for.
func (d *Deployer) digestOf(ctx context.Context, service, image string, live swarm.Service) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", imageError{service, image, err}
	}
	if _, ok := named.(reference.Digested); ok {
		return image, nil
	}
	auth, err := d.auth(image)
	if err != nil {
		return "", imageError{service, image, err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Settings.Call)
	defer cancel()
	answer, err := d.Swarm.DistributionInspect(ctx, image, auth)
	if err == nil {
		return withDigest(named, answer)
	}
	running := ""
	if live.Spec.TaskTemplate.ContainerSpec != nil {
		running = live.Spec.TaskTemplate.ContainerSpec.Image
	}
	if running != "" && live.Spec.Labels[imageLabel] == image {
		d.say("%s: the registry does not say what %s is now (%v); it stays what runs", service, image, firstLine(err))
		return running, nil
	}
	if running != "" && errdefs.IsNotFound(err) {
		return "", imageError{service, image, fmt.Errorf("the registry does not have it: %v; nothing was changed", firstLine(err))}
	}
	if running == "" || errdefs.IsPermissionDenied(err) || errdefs.IsUnauthorized(err) || errdefs.IsInvalidArgument(err) {
		// The nodes may have it already. Where they have not, the deployment says so.
		d.say("%s: the registry does not say what %s is: %v", service, image, firstLine(err))
		return image, nil
	}
	return "", imageError{service, image, fmt.Errorf("the registry cannot be asked, so the nodes could not pull it: %v; nothing was changed, try again when it answers", firstLine(err))}
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
