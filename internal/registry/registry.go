// Package registry says where images are pushed to and pulled from, and how to
// log in there.
package registry

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Config is the part of the configuration that names the registry. Its token
// is a secret of its own, averazure:registryToken.
type Config struct {
	// RegistryServer is host or host:port, without a scheme.
	RegistryServer string
	// RegistryUsername logs in; empty for a registry without a login.
	RegistryUsername string
}

// Defaults is GitHub's registry.
func Defaults() Config { return Config{RegistryServer: "ghcr.io"} }

// servers are what a Docker reference accepts before its first slash: a name
// with a dot or a port, so that it is not taken for a path on Docker Hub.
// https://pkg.go.dev/github.com/distribution/reference
var servers = regexp.MustCompile(`^[a-z0-9.-]+(\.[a-z0-9-]+|:[0-9]+)$`)

// Validate names the keys that do not fit together.
func (c Config) Validate(hasToken bool) []error {
	var problems []error
	if !servers.MatchString(c.RegistryServer) {
		problems = append(problems, fmt.Errorf("averazure:registryServer: %q is no registry: write host or host:port without a scheme, such as ghcr.io", c.RegistryServer))
	}
	if c.RegistryUsername != "" && !hasToken {
		problems = append(problems, fmt.Errorf("averazure:registryToken: missing, and averazure:registryUsername says %q logs in; `pulumi config set --secret averazure:registryToken` asks for it", c.RegistryUsername))
	}
	return problems
}

// Registry is a registry with its login.
type Registry struct {
	Server, Username string
	// Token is a secret; empty where there is no login.
	Token pulumi.StringInput
}
