// Package standin is the only entry to the sandbox's stand-ins, which replace programs and
// images that this machine cannot get. README.md says when the sandbox uses them.
package standin

import (
	"context"

	"averazure/sandbox/images"
	"averazure/sandbox/plugin"
	"averazure/sandbox/standin/internal/command"
	"averazure/sandbox/standin/internal/dockerimage"
	"averazure/sandbox/standin/internal/hub"
	"averazure/sandbox/standin/internal/mesh"
	"averazure/sandbox/standin/internal/tls"
)

// LanguageRuntime is the program that stands in for pulumi-language-go, as a path from
// the project's directory.
const LanguageRuntime = "./sandbox/standin/internal/language"

// PluginNames are the Pulumi plugins that have stand-ins.
var PluginNames = []string{"command", "docker", "tls"}

// Docker says how the docker plugin reaches the engine and labels what it builds.
type Docker struct {
	Host   string
	Labels map[string]string
}

// Plugins are the stand-ins of PluginNames, for the project in dir.
func Plugins(dir string, docker Docker) []*plugin.Plugin {
	images := dockerimage.Options{Dir: dir, DockerHost: docker.Host, Labels: docker.Labels}
	return []*plugin.Plugin{command.Plugin(dir), images.Plugin(), TLS()}
}

// TLS is the stand-in of the tls plugin.
func TLS() *plugin.Plugin { return tls.Plugin() }

// MeshAgent is the program that balances a Swarm's load in a node whose kernel has no
// IPVS. It does nothing on other kernels.
func MeshAgent() images.Program {
	return images.Program{Path: "averazure/sandbox/standin/internal/mesh", Sources: mesh.Sources, Command: "agent"}
}

// GoImage is the image that the application's Dockerfile uses to compile it.
const GoImage = hub.GoImage

// Mirror is the sandbox's mirror of Docker Hub.
type Mirror = hub.Mirror

// ImageNames are the images on Docker Hub that have stand-ins, as a stack file names them.
func ImageNames() []string { return hub.Names() }

// Images makes sure that the mirror has the stand-ins for ImageNames, and that the engine
// has a stand-in for GoImage. The caller holds the builder's lock.
func Images(ctx context.Context, b *images.Builder, mirror Mirror, base images.Base) error {
	if err := hub.Fill(ctx, b, mirror, base); err != nil {
		return err
	}
	return hub.Go(ctx, b, base)
}

// Debian makes the base image from Debian's packages.
func Debian(ctx context.Context, b *images.Builder, suite, ref string) error {
	return hub.Debian(ctx, b, suite, ref)
}
