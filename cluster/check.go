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
// that is added (64 characters in all).
var secretNames = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,49}$`)

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
		if !secretNames.MatchString(name) {
			problems = append(problems, fmt.Errorf("averazure:secrets: %q is no name of a Docker secret: up to 50 letters, digits, dots, dashes and underscores", name))
		}
	}
	return errors.Join(problems...)
}
