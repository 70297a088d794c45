package cluster

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"averazure/internal/host"
)

// secretNames are what Docker accepts as a name, short enough for the version
// that is added (64 characters in all):
// https://docs.docker.com/reference/cli/docker/secret/create/
var secretNames = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,49}$`)

// CheckSecretName says why a Docker secret cannot have that name; nil when it can.
func CheckSecretName(name string) error {
	if secretNames.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is no name of a Docker secret: up to 50 letters, digits, dots, dashes and underscores, a letter or digit first", name)
}

// check says everything that keeps the Swarm from being made.
func (a Args) check() error {
	problems := a.Validate()
	if len(a.Hosts) == 0 || a.Hosts[0].Role != host.Manager {
		problems = append(problems, errors.New("the first host must be a manager"))
	}
	for _, h := range a.Hosts {
		if problem := a.Collides(h.Address + "/32"); problem != nil {
			problems = append(problems, problem)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Secrets)) {
		if err := CheckSecretName(name); err != nil {
			problems = append(problems, fmt.Errorf("averazure:secrets: %w", err))
		}
	}
	return errors.Join(problems...)
}
