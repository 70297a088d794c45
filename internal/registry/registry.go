// Package registry says where images are pushed to and pulled from, and how to
// log in there.
package registry

import (
	"cmp"
	"regexp"

	"averazure/internal/settings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Config is the part of the configuration that names the registry. The tokens are not in
// it: they are the secrets averazure:registryToken and averazure:registryPullToken.
type Config struct {
	// RegistryServer is host or host:port, without a scheme.
	RegistryServer string
	// RegistryUsername is the user that logs in to push; empty for a registry without a
	// login.
	RegistryUsername string
	// RegistryPullUsername is the user that logs in with the token that may only pull. It
	// is empty if the token identifies the user, as on ghcr.io, or if both tokens belong to
	// one user.
	RegistryPullUsername string
}

// GHCR is GitHub's registry, where the token of a workflow run can push.
const GHCR = "ghcr.io"

// Defaults is GitHub's registry.
func Defaults() Config { return Config{RegistryServer: GHCR} }

// servers matches what a Docker reference accepts before its first slash: a name with a dot
// or a port, so that it is not taken for a path on Docker Hub.
// https://pkg.go.dev/github.com/distribution/reference
var servers = regexp.MustCompile(`^` + label + `((\.` + label + `)+(:[0-9]{1,5})?|:[0-9]{1,5})$`)

const label = `[a-z0-9]+(-+[a-z0-9]+)*`

// usernames matches names that a login can carry: HTTP ends the name at the first colon
// (RFC 7617), and a name with a hyphen first looks like an option.
var usernames = regexp.MustCompile(`^([^-:\s\p{Z}\p{C}][^:\s\p{Z}\p{C}]*)?$`)

// Tokens says which of the two secrets are set.
type Tokens struct{ Push, Pull bool }

// Puller is the user of the login that only pulls.
func (c Config) Puller() string { return cmp.Or(c.RegistryPullUsername, c.RegistryUsername) }

// Validate returns a problem for every key that is invalid or does not fit the others.
func (c Config) Validate(set Tokens) []error {
	var problems []error
	if !servers.MatchString(c.RegistryServer) {
		problems = append(problems, settings.Problemf("registryServer", "%q is not a registry; write host or host:port without a scheme, such as ghcr.io", c.RegistryServer))
	}
	for _, login := range []struct {
		userKey, user, tokenKey string
		hasToken                bool
	}{
		{"registryUsername", c.RegistryUsername, "registryToken", set.Push},
		{"registryPullUsername", c.RegistryPullUsername, "registryPullToken", set.Pull},
	} {
		if !usernames.MatchString(login.user) {
			problems = append(problems, settings.Problemf(login.userKey, "%q is not a user name: it has no white space, no control characters and no colon, and no hyphen first", login.user))
		} else if login.user != "" && !login.hasToken {
			problems = append(problems, settings.Problemf(login.tokenKey, "missing, and averazure:%s says %q logs in; `pulumi config set --secret averazure:%s` asks for it", login.userKey, login.user, login.tokenKey))
		}
	}
	// Without a user nobody would log in, and the token would be useless.
	if set.Push && c.RegistryUsername == "" {
		problems = append(problems, settings.Problemf("registryUsername", "missing, and averazure:registryToken is set; name the user whose token it is, or remove the token"))
	}
	if set.Pull && c.Puller() == "" {
		problems = append(problems, settings.Problemf("registryPullUsername", "missing, and averazure:registryPullToken is set; name the user whose token it is"))
	}
	return problems
}

// Registry is a registry with one login. There are two values of it, since pushing an image
// and pulling it need different rights.
type Registry struct {
	Server, Username string
	// Token is a secret; empty where there is no login.
	Token pulumi.StringInput
}
