package stack

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
	"averazure/internal/registry"
)

const (
	dockerfile = "Dockerfile"
	// platform is the nodes' platform. If it were not set, it would be that of the computer
	// that builds, and differ between a laptop and CI.
	platform = "linux/amd64"
)

// built is the image that is built here; the zero value with an empty output is none.
type built struct {
	// services are those that run it.
	services []string
	// image is the image by its digest. tagged is the name by which people know it.
	image  pulumi.StringOutput
	tagged string
}

// inPlace describes, for each service, the image that it runs in place of the image in the
// file.
func (b built) inPlace() map[string]string {
	images := map[string]string{}
	for _, service := range b.services {
		images[service] = "the image that is built here (" + b.tagged + ")"
	}
	return images
}

// buildImage builds and pushes the application's image under the tag of its commit and
// under "latest", and returns it as repository@digest. The docker provider needs a daemon
// as soon as the provider exists: call this only to build.
func buildImage(ctx *pulumi.Context, name, tag string, args Args, parent pulumi.Resource) (pulumi.StringOutput, error) {
	repository := args.repository()
	explained, err := failure.Explain(ctx, name+"-image", args.explainImage)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	build := func(name, tag string, opts ...pulumi.ResourceOption) (*docker.Image, error) {
		return docker.NewImage(ctx, name, &docker.ImageArgs{
			ImageName: pulumi.String(repository + ":" + tag),
			Build: docker.DockerBuildArgs{
				Context:    pulumi.String(args.AppContext),
				Dockerfile: pulumi.String(path.Join(args.AppContext, dockerfile)),
				Platform:   pulumi.String(platform),
			},
			Registry: registryLogin(args.Registry),
		}, append(opts, pulumi.Parent(parent), explained)...)
	}
	image, err := build(name+"-image", tag)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("image %s:%s: %w", repository, tag, err)
	}
	// The second build comes after the first, not at the same time: then every layer comes
	// from the cache of the first, and both tags are one image.
	if _, err := build(name+"-image-latest", "latest", pulumi.DependsOn([]pulumi.Resource{image})); err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("image %s:latest: %w", repository, err)
	}
	return image.RepoDigest.ApplyT(func(reported string) (string, error) {
		return pushedImage(repository, reported)
	}).(pulumi.StringOutput), nil
}

// explainImage names the image and says where to look, because the docker plugin shows only
// the engine's last words about a failed build or push. It tells the two apart, but not
// when the engine refuses at once.
func (a Args) explainImage(failed *pulumi.ErrorHookArgs) string {
	image := fmt.Sprintf("image %v", failed.NewInputs["imageName"].V)
	build := fmt.Sprintf("`docker build --platform %s %s`, run beside Pulumi.yaml, shows the whole output", platform, a.AppContext)
	push := fmt.Sprintf("averazure:registryUsername and averazure:registryToken, or else `docker login %s`, must be allowed to push there", a.Registry.Server)
	switch said := failed.Errors[0]; {
	case strings.Contains(said, "build output") || strings.Contains(said, "building image"):
		return image + " was not built: " + build
	case strings.Contains(said, "push output"):
		return image + " was not pushed: " + push
	}
	return image + " was not built or not pushed: " + build + "; " + push
}

// registryLogin is nil without a user and a token: the provider then takes the
// login of the user who runs Pulumi, as `docker login` left it.
func registryLogin(r registry.Registry) docker.RegistryPtrInput {
	if r.Username == "" || r.Token == nil {
		return nil
	}
	return docker.RegistryArgs{
		Server:   pulumi.String(r.Server),
		Username: pulumi.String(r.Username),
		Password: pulumi.ToSecret(r.Token).(pulumi.StringOutput),
	}
}

var repoDigest = regexp.MustCompile(`^[^@\s<>]+(@sha256:[0-9a-f]{64})$`)

// pushedImage is the image by its digest, in the repository that it was pushed to. The name
// is this program's, since the provider spells Docker Hub's differently. If nothing was
// pushed, the value that the provider reports is refused: a node could not pull it.
func pushedImage(repository, reported string) (string, error) {
	found := repoDigest.FindStringSubmatch(reported)
	if found == nil {
		return "", fmt.Errorf("image: the registry gave no digest (the provider reports %q): was it pushed?", reported)
	}
	return repository + found[1], nil
}
