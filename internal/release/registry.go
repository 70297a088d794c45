package release

import (
	"context"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"
)

// answer is the registry's answer about an image: its name with the digest, and its
// platforms.
type answer struct {
	pinned    string
	platforms []swarm.Platform
	err       error
}

// askedAtOnce is the number of images that the registries are asked for at the same time.
// Each question takes a good part of a second.
const askedAtOnce = 8

// digests asks the registries for the images to which some names refer.
func (d *Reader) digests(ctx context.Context, images []string) map[string]answer {
	answers := make([]answer, len(images))
	turns := make(chan struct{}, askedAtOnce)
	var group sync.WaitGroup
	for i, image := range images {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			answers[i] = d.digestOf(ctx, image)
		})
	}
	group.Wait()
	found := map[string]answer{}
	for i, image := range images {
		found[image] = answers[i]
	}
	return found
}

// errOwn marks an error that does not come from a registry.
type errOwn struct{ error }

// byDigest tells whether an image is named by its digest.
func byDigest(image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	_, ok := named.(reference.Digested)
	return err == nil && ok
}

// digestOf asks the registry to which image a tag refers. An image that is named by its
// digest does not need the answer, so digestOf waits only briefly for it: without it, only
// the platforms remain unknown.
func (d *Reader) digestOf(ctx context.Context, image string) answer {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return answer{err: errOwn{err}}
	}
	if _, ok := named.(reference.Digested); ok {
		ctx, cancel := context.WithTimeout(ctx, d.Settings.Image)
		defer cancel()
		said, _ := d.inspect(ctx, image)
		return answer{pinned: image, platforms: platformsOf(said)}
	}
	said, err := d.inspect(ctx, image)
	if err != nil {
		return answer{err: err}
	}
	pinned, err := reference.WithDigest(reference.TagNameOnly(named), said.Descriptor.Digest)
	if err != nil {
		return answer{err: err}
	}
	return answer{pinned: reference.FamiliarString(pinned), platforms: platformsOf(said)}
}

// inspect asks an image's registry. If it does not answer, inspect asks once more: the
// connection may have broken.
func (d *Reader) inspect(ctx context.Context, image string) (said registry.DistributionInspect, err error) {
	auth, err := d.auth(image)
	if err != nil {
		return said, errOwn{err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Settings.Call)
	defer cancel()
	said, err = d.Swarm.DistributionInspect(ctx, image, auth)
	if err != nil && !answered(err) && d.sleep(ctx, d.Settings.Poll) == nil {
		return d.Swarm.DistributionInspect(ctx, image, auth)
	}
	return said, err
}

// platformsOf are an image's platforms as Docker's client writes them. Images say arm where
// nodes say armv7l, so Docker leaves that one out: https://github.com/moby/swarmkit/issues/2294
func platformsOf(said registry.DistributionInspect) []swarm.Platform {
	var platforms []swarm.Platform
	for _, p := range said.Platforms {
		if strings.EqualFold(p.Architecture, "arm") {
			p.Architecture = ""
		}
		platforms = append(platforms, swarm.Platform{Architecture: p.Architecture, OS: p.OS})
	}
	return platforms
}

func (d *Reader) auth(image string) (string, error) {
	if d.Auth == nil {
		return "", nil
	}
	return d.Auth(image)
}
