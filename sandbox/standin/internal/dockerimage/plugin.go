// Package dockerimage emulates the resource docker:index/image:Image of the Pulumi plugin
// `docker` 4, for machines that cannot install it. Its behaviour was read in the original
// (github.com/pulumi/pulumi-docker, provider/provider.go, provider/image.go and
// provider/hybrid.go). It uses the engine's classic builder, which needs no BuildKit
// session. The table in sandbox/README.md lists this and the other differences.
package dockerimage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"averazure/sandbox/plugin"

	"github.com/docker/docker/client"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const token = "docker:index/image:Image"

// Options are the values that the original gets from its environment, as a child of the
// engine.
type Options struct {
	// Dir is the base of relative paths, the project's directory; empty: the working
	// directory.
	Dir string
	// DockerHost is the engine's address if neither the provider's configuration nor
	// DOCKER_HOST has one.
	DockerHost string
	// Labels are put on every built image, so that its owner can find it. The original
	// has none.
	Labels map[string]string
}

// Plugin is the plugin `docker` with its one type.
func (o Options) Plugin() *plugin.Plugin {
	p := &provider{options: o}
	return &plugin.Plugin{
		Name:      "docker",
		Version:   "4.11.2",
		Configure: p.configure,
		Types: map[string]plugin.Type{token: {
			Check:  p.check,
			Diff:   p.diff,
			Create: p.create,
			Update: p.update,
			// As in the original, Read returns the recorded state and Delete does
			// nothing: the plugin does not notice a missing image, and it keeps an unused
			// one.
			//
			// The original repeats the inputs in the state, as a secret. Nothing else is
			// secret unless the program says so, not even the password.
			Secrets: []string{"__inputs"},
		}},
	}
}

type provider struct {
	options Options
	mu      sync.Mutex
	host    string
}

// configure pings the daemon for every operation of the engine, as the original does.
func (p *provider) configure(ctx context.Context, inputs resource.PropertyMap) error {
	host, ok := text(inputs, "host")
	if !ok || host == "" {
		host = os.Getenv("DOCKER_HOST")
	}
	if host == "" {
		host = p.options.DockerHost
	}
	if host == "" {
		host = client.DefaultDockerHost
	}
	p.mu.Lock()
	p.host = host
	p.mu.Unlock()
	docker, err := p.docker()
	if err != nil {
		return err
	}
	defer docker.Close()
	if _, err := docker.Ping(ctx); err != nil {
		return fmt.Errorf("failed to connect to any docker daemon: %w", err)
	}
	return nil
}

func (p *provider) docker() (*client.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return client.NewClientWithOpts(client.FromEnv, client.WithHost(p.host), client.WithAPIVersionNegotiation())
}

// path returns a path that this process can use for a path in the program.
func (p *provider) path(name string) string {
	if filepath.IsAbs(name) || p.options.Dir == "" {
		return name
	}
	return filepath.Join(p.options.Dir, name)
}

func (p *provider) create(ctx context.Context, _ resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
	if preview && !canPreview(ctx, inputs) {
		return "", inputs, nil
	}
	state, err := p.build(ctx, inputs, preview)
	name, _ := text(inputs, "imageName")
	return name, state, err
}

// update builds and pushes again, whatever changed.
func (p *provider) update(ctx context.Context, _ resource.URN, _ string, _, _, news resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	if preview && !canPreview(ctx, news) {
		return news, nil
	}
	return p.build(ctx, news, preview)
}

// canPreview tells whether a preview builds: only on request, and only if all inputs are
// known (provider.go, canPreview). Otherwise the preview returns the inputs, and the digest
// is unknown.
func canPreview(ctx context.Context, inputs resource.PropertyMap) bool {
	if want, ok := inputs["buildOnPreview"]; !ok || !want.IsBool() || !want.BoolValue() {
		return false
	}
	build := inputs["build"]
	known := build.IsObject() && !inputs["imageName"].ContainsUnknowns()
	for _, key := range []resource.PropertyKey{"dockerfile", "context", "args"} {
		known = known && !build.ObjectValue()[key].ContainsUnknowns()
	}
	if !known {
		plugin.Warn(ctx, "Minimum inputs for build are unresolved. Continuing without preview image build.")
	}
	return known
}

func text(m resource.PropertyMap, key resource.PropertyKey) (string, bool) {
	if v, ok := m[key]; ok && v.IsString() {
		return v.StringValue(), true
	}
	return "", false
}

// object is the object at key, or an empty one.
func object(m resource.PropertyMap, key resource.PropertyKey) resource.PropertyMap {
	if v, ok := m[key]; ok && v.IsObject() {
		return v.ObjectValue()
	}
	return resource.PropertyMap{}
}

func flag(m resource.PropertyMap, key resource.PropertyKey) bool {
	v, ok := m[key]
	return ok && v.IsBool() && v.BoolValue()
}
