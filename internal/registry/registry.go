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

// usernames leaves out what a login cannot carry: HTTP ends the name at the
// first colon (RFC 7617), and a hyphen first looks like an option.
var usernames = regexp.MustCompile(`^([^-:\s\p{Z}\p{C}][^:\s\p{Z}\p{C}]*)?$`)

// Validate names the keys that do not fit together.
func (c Config) Validate(hasToken bool) []error {
	var problems []error
	if !servers.MatchString(c.RegistryServer) {
		problems = append(problems, fmt.Errorf("averazure:registryServer: %q is no registry: write host or host:port without a scheme, such as ghcr.io", c.RegistryServer))
	}
	if !usernames.MatchString(c.RegistryUsername) {
		problems = append(problems, fmt.Errorf("averazure:registryUsername: %q is no user name: it has no white space, no control characters and no colon, and no hyphen first", c.RegistryUsername))
	} else if c.RegistryUsername != "" && !hasToken {
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
