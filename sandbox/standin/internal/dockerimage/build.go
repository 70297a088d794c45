package dockerimage

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"averazure/sandbox/plugin"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// job is one build with its push.
type job struct {
	name, contextDir, dockerfile string // paths for this process
	inDockerfile                 string // path relative to the context
	options                      build.ImageBuildOptions
	cache                        []string
	server                       string // the registry for the login
	login                        registry.AuthConfig
	docker                       *client.Client
}

// build builds the image, pushes it, and returns the resource's outputs.
func (p *provider) build(ctx context.Context, inputs resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	j, err := p.newJob(ctx, inputs)
	if err != nil {
		return nil, err
	}
	defer j.docker.Close()
	push := !flag(inputs, "skipPush") && !preview
	if err := j.run(ctx, push); err != nil {
		return nil, err
	}
	digest, err := j.digest(ctx, push)
	if err != nil {
		return nil, err
	}
	b := object(inputs, "build")
	server, _ := text(object(inputs, "registry"), "server")
	return resource.PropertyMap{
		"__inputs":       resource.NewObjectProperty(inputs),
		"baseImageName":  inputs["imageName"],
		"context":        b["context"],
		"dockerfile":     resource.NewStringProperty(j.inDockerfile),
		"imageName":      inputs["imageName"],
		"platform":       b["platform"],
		"registryServer": resource.NewStringProperty(server),
		"repoDigest":     resource.NewStringProperty(digest),
	}, nil
}

func (p *provider) newJob(ctx context.Context, inputs resource.PropertyMap) (*job, error) {
	b := object(inputs, "build")
	j := &job{}
	var err error
	j.name, _ = text(inputs, "imageName")
	contextDir, _ := text(b, "context")
	dockerfile, _ := text(b, "dockerfile")
	j.contextDir, j.dockerfile = p.path(contextDir), p.path(dockerfile)
	if j.inDockerfile, err = relative(j.contextDir, j.dockerfile); err != nil {
		return nil, err
	}
	if j.cache, err = cacheImages(b); err != nil {
		return nil, err
	}
	j.options = options(j, b)
	j.options.Labels = p.options.Labels
	if err := j.logIn(ctx, inputs); err != nil {
		return nil, err
	}
	j.docker, err = p.docker()
	return j, err
}

// logIn finds the credentials for the push, and all of the user's logins for the images
// in the Dockerfile.
func (j *job) logIn(ctx context.Context, inputs resource.PropertyMap) error {
	known, err := readLogins()
	if err != nil {
		return err
	}
	if j.options.AuthConfigs, err = known.all(); err != nil {
		return err
	}
	if flag(inputs, "skipPush") && len(j.cache) == 0 {
		return nil
	}
	program := object(inputs, "registry")
	server, _ := text(program, "server")
	if j.server, err = registryHost(server, j.name); err != nil {
		return err
	}
	user, _ := text(program, "username")
	password, _ := text(program, "password")
	login, warning, err := known.choose(j.server, user, password)
	if err != nil {
		return err
	}
	if warning != "" {
		plugin.Warn(ctx, warning)
	}
	if login.ServerAddress != "" {
		j.options.AuthConfigs[login.ServerAddress] = login
	}
	j.login = login
	return nil
}

func options(j *job, b resource.PropertyMap) build.ImageBuildOptions {
	o := build.ImageBuildOptions{
		Tags:        []string{j.name},
		Dockerfile:  j.inDockerfile,
		BuildArgs:   map[string]*string{},
		CacheFrom:   j.cache,
		Remove:      true, // otherwise the classic builder keeps its containers
		ForceRemove: true,
		Version:     build.BuilderV1,
	}
	o.Target, _ = text(b, "target")
	o.Platform, _ = text(b, "platform")
	o.NetworkMode, _ = text(b, "network")
	for key := range object(b, "args") {
		if value, ok := text(object(b, "args"), key); ok {
			o.BuildArgs[string(key)] = &value
		}
	}
	if hosts, ok := b["addHosts"]; ok && hosts.IsArray() {
		for _, h := range hosts.ArrayValue() {
			o.ExtraHosts = append(o.ExtraHosts, h.StringValue())
		}
	}
	return o
}

func relative(contextDir, dockerfile string) (string, error) {
	from, err := filepath.Abs(contextDir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(dockerfile)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

func (j *job) run(ctx context.Context, push bool) error {
	plugin.Status(ctx, "Building the image")
	j.pullCache(ctx)
	if err := j.make(ctx); err != nil {
		return fmt.Errorf("error reading build output: %w", err)
	}
	if !push {
		return nil
	}
	plugin.Status(ctx, "Pushing Image to the registry")
	if err := j.push(ctx); err != nil {
		return fmt.Errorf("error reading push output: %w", err)
	}
	return nil
}

func (j *job) make(ctx context.Context) error {
	packed, err := j.pack()
	if err != nil {
		return err
	}
	defer packed.Close()
	resp, err := j.docker.ImageBuild(ctx, packed, j.options)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return progress(ctx, resp.Body)
}

// pullCache pulls the images whose layers may be reused. A missing image does not fail
// the build.
func (j *job) pullCache(ctx context.Context) {
	auth, err := registry.EncodeAuthConfig(j.login)
	for _, name := range j.cache {
		var out io.ReadCloser
		if err == nil {
			out, err = j.docker.ImagePull(ctx, name, image.PullOptions{RegistryAuth: auth, Platform: j.options.Platform})
		}
		if err == nil {
			err = progress(ctx, out)
			out.Close()
		}
		if err != nil {
			plugin.Warn(ctx, fmt.Sprintf("cacheFrom: %s: %v", name, err))
			err = nil
		}
	}
}

func (j *job) push(ctx context.Context) error {
	auth, err := registry.EncodeAuthConfig(j.login)
	if err != nil {
		return err
	}
	out, err := j.docker.ImagePush(ctx, j.name, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer out.Close()
	return progress(ctx, out)
}

// noDigest is what Docker shows and the original returns if there is no digest.
const noDigest = "<none>@<none>"

// digest is the image's digest in its own repository; the image may be in others too.
// Without a push it is the image's id.
func (j *job) digest(ctx context.Context, pushed bool) (string, error) {
	found, err := j.docker.ImageInspect(ctx, j.name)
	if err != nil {
		return "", err
	}
	if !pushed {
		return found.ID, nil
	}
	name, err := reference.ParseNormalizedNamed(j.name)
	if err != nil {
		return "", err
	}
	for _, known := range found.RepoDigests {
		ref, err := reference.ParseNormalizedNamed(known)
		if err != nil {
			plugin.Warn(ctx, fmt.Sprintf("Error parsing digest %q: %v", known, err))
		} else if ref.Name() == name.Name() {
			return ref.String(), nil
		}
	}
	return noDigest, nil
}
