package dockerimage

import (
	"fmt"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/docker/api/types/registry"
)

// logins are the `docker login` credentials of the user who runs Pulumi.
type logins struct{ file *configfile.ConfigFile }

// readLogins reads the Docker configuration file, which may be missing.
func readLogins() (*logins, error) {
	file, err := config.Load(config.Dir())
	if err != nil {
		return nil, fmt.Errorf("docker login: %w", err)
	}
	if !file.ContainsAuth() {
		file.CredentialsStore = credentials.DetectDefaultStore(file.CredentialsStore)
	}
	return &logins{file}, nil
}

// choose is the original's getRegistryAuth: the program's user and password if both are
// set, otherwise the user's own login. It warns if only one of them is set.
func (l *logins) choose(server, user, password string) (login registry.AuthConfig, warning string, err error) {
	switch {
	case user != "" && password != "":
		return registry.AuthConfig{Username: user, Password: password, ServerAddress: server}, "", nil
	case password != "":
		warning = "username was not set, although password was; using host credentials file"
	case user != "":
		warning = "password was not set, although username was; using host credentials file"
	}
	found, err := l.file.GetAuthConfig(server)
	return registry.AuthConfig(found), warning, err
}

// all returns all of the user's logins, for the images in a Dockerfile.
func (l *logins) all() (map[string]registry.AuthConfig, error) {
	found, err := l.file.GetAllCredentials()
	if err != nil {
		return nil, fmt.Errorf("docker login: %w", err)
	}
	all := map[string]registry.AuthConfig{}
	for server, login := range found {
		all[server] = registry.AuthConfig(login)
	}
	return all, nil
}
