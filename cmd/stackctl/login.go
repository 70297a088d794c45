package main

import (
	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/registry"
)

// logins is the directory in which Docker keeps the logins at registries.
type logins string

// dockerHub is the name under which Docker keeps the login at Docker Hub.
const dockerHub = "https://index.docker.io/v1/"

// auth is the login at an image's registry, as Docker's API takes it; empty where
// nobody is logged in. It is read each time: the agent lives longer than a login.
func (l logins) auth(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", err
	}
	file, err := config.Load(string(l))
	if err != nil {
		return "", err
	}
	server := reference.Domain(named)
	if server == "docker.io" {
		server = dockerHub
	}
	login, err := file.GetAuthConfig(server)
	if err != nil || login.Username == "" && login.IdentityToken == "" && login.RegistryToken == "" {
		return "", err
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username: login.Username, Password: login.Password, Auth: login.Auth, ServerAddress: login.ServerAddress,
		IdentityToken: login.IdentityToken, RegistryToken: login.RegistryToken,
	})
}
