package dockerimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"averazure/sandbox/plugin"

	"github.com/distribution/reference"
	buildtypes "github.com/docker/docker/api/types/build"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// check fills in the defaults and adds the digest of the build context, so a changed file
// is a changed input. It refuses what cannot be built or pushed.
func (p *provider) check(ctx context.Context, _ resource.URN, _, news resource.PropertyMap) (resource.PropertyMap, []plugin.Failure, error) {
	news["buildOnPreview"] = resource.NewBoolProperty(flag(news, "buildOnPreview"))
	if v, ok := news["build"]; !ok || v.IsNull() {
		news["build"] = resource.NewObjectProperty(resource.PropertyMap{})
	}
	if news["build"].IsObject() {
		if err := p.checkBuild(ctx, news["build"].ObjectValue()); err != nil {
			return nil, nil, err
		}
	}
	return news, nil, checkNames(news)
}

func (p *provider) checkBuild(ctx context.Context, build resource.PropertyMap) error {
	contextDir, contextKnown := withDefault(build, "context", ".")
	if _, err := builder(build); err != nil {
		return err
	}
	dockerfile, dockerfileKnown := withDefault(build, "dockerfile", filepath.Join(contextDir, "Dockerfile"))
	if contextKnown && dockerfileKnown {
		if err := p.checkDockerfile(contextDir, dockerfile); err != nil {
			return err
		}
		digest, err := contextDigest(p.path(contextDir), p.path(dockerfile))
		if err != nil {
			return err
		}
		build["contextDigest"] = resource.NewStringProperty(digest)
	}
	if v, ok := build["platform"]; !ok || v.IsNull() {
		platform := "linux/" + runtime.GOARCH
		build["platform"] = resource.NewStringProperty(platform)
		plugin.Info(ctx, fmt.Sprintf("Building your image for %s architecture.\n"+
			"To ensure you are building for the correct platform, consider "+
			"explicitly setting the `platform` field on ImageBuildOptions.", platform))
	}
	return nil
}

// withDefault returns a text and sets the default if it is missing. known is false if a
// preview does not know it.
func withDefault(m resource.PropertyMap, key resource.PropertyKey, otherwise string) (value string, known bool) {
	v, ok := m[key]
	if !ok || v.IsNull() {
		m[key] = resource.NewStringProperty(otherwise)
		return otherwise, true
	}
	value, known = text(m, key)
	return value, known
}

// checkDockerfile makes sure that the Dockerfile exists. Its path is relative to the
// project, not to the context. If the file exists in the context instead, the error
// suggests that path.
func (p *provider) checkDockerfile(contextDir, dockerfile string) error {
	_, missing := os.Stat(p.path(dockerfile))
	switch {
	case missing == nil:
		return nil
	case filepath.IsAbs(dockerfile):
		return fmt.Errorf("expected a relative Dockerfile path; got %q instead: %w", dockerfile, missing)
	}
	guess := filepath.Join(contextDir, dockerfile)
	if _, err := os.Stat(p.path(guess)); err == nil {
		return fmt.Errorf("could not open dockerfile at relative path %q. Try setting `dockerfile` to %q", dockerfile, guess)
	}
	return fmt.Errorf("could not open dockerfile at relative path %q: %w", dockerfile, missing)
}

// checkNames requires a full image name if a registry is used.
func checkNames(news resource.PropertyMap) error {
	images, err := cacheImages(object(news, "build"))
	if err != nil {
		return err
	}
	name, known := text(news, "imageName")
	if !known || (flag(news, "skipPush") && len(images) == 0) {
		return nil
	}
	server, _ := text(object(news, "registry"), "server")
	_, err = registryHost(server, name)
	return err
}

func cacheImages(build resource.PropertyMap) ([]string, error) {
	v, ok := build["cacheFrom"]
	if !ok || v.IsNull() || !v.IsObject() {
		return nil, nil
	}
	list, ok := v.ObjectValue()["images"]
	switch {
	case !ok || list.IsNull(): // the original never sees a null (SkipNulls)
		return nil, errors.New("cacheFrom requires an `images` field")
	case list.ContainsUnknowns() && !list.IsArray():
		return nil, nil
	case !list.IsArray():
		return nil, errors.New("the `images` field must be a list of strings")
	}
	var images []string
	for _, i := range list.ArrayValue() {
		if i.IsString() {
			images = append(images, i.StringValue())
		}
	}
	return images, nil
}

// builder is the requested version of the builder.
func builder(b resource.PropertyMap) (buildtypes.BuilderVersion, error) {
	switch v := b["builderVersion"]; {
	case v.IsNull() || v.IsComputed() || v.IsString() && v.StringValue() == "BuilderBuildKit":
		return buildtypes.BuilderBuildKit, nil
	case v.IsString() && v.StringValue() == "BuilderV1":
		return buildtypes.BuilderV1, nil
	}
	return "", errors.New("invalid Docker Builder version")
}

// registryHost is the registry of the credentials: the server if set, otherwise the
// registry in the image name. For Docker Hub it is the old address.
func registryHost(server, image string) (string, error) {
	host := hostname(server)
	if host == "" {
		named, err := reference.ParseNamed(image)
		if err != nil {
			return "", fmt.Errorf("image name %q: %w. This provider requires all image names to be fully qualified, "+
				"for example docker.io/repository/image:tag", image, err)
		}
		host = reference.Domain(named)
	}
	switch host {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		return "https://index.docker.io/v1/", nil
	}
	return host, nil
}

// diff compares the inputs' first level. No change replaces an image. New credentials alone
// do not count as a change, but another server does (provider.go, diffUpdates).
func (p *provider) diff(_ context.Context, _ resource.URN, _ string, oldInputs, oldState, news resource.PropertyMap) (plugin.Diff, error) {
	if recorded, ok := oldState["__inputs"]; ok && recorded.IsObject() {
		oldInputs = recorded.ObjectValue()
	}
	var diff plugin.Diff
	found := oldInputs.Diff(news)
	if found == nil {
		return diff, nil
	}
	for key := range found.Adds {
		diff.Changes = append(diff.Changes, plugin.Change{Path: string(key), Kind: plugin.Added})
	}
	for key := range found.Deletes {
		diff.Changes = append(diff.Changes, plugin.Change{Path: string(key), Kind: plugin.Deleted})
	}
	for key, change := range found.Updates {
		if key == "registry" && !moved(change) {
			continue
		}
		diff.Changes = append(diff.Changes, plugin.Change{Path: string(key)})
	}
	return diff, nil
}

// moved tells whether the server changed. An unknown registry counts as changed.
func moved(registry resource.ValueDiff) bool {
	if registry.Object == nil {
		return true
	}
	_, server := registry.Object.Updates["server"]
	return server
}
