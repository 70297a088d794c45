package names

import (
	"fmt"
	"regexp"
)

// secretNames matches the names that Docker accepts and that leave room for the version,
// which is added (64 characters in all):
// https://docs.docker.com/reference/cli/docker/secret/create/
var secretNames = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,49}$`)

// DockerSecret says why a Docker secret cannot have that name; nil when it can.
func DockerSecret(name string) error {
	if secretNames.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is not a name that a Docker secret can have: up to 50 letters, digits, dots, dashes and underscores, a letter or digit first", name)
}

// SecretPath is the place of a Docker secret's value in the configuration, in the form that
// `pulumi config set --path` and a shell accept.
func SecretPath(name string) string {
	if regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(name) {
		return Project + ":secrets." + name
	}
	return fmt.Sprintf("%s:secrets[%q]", Project, name)
}
