package cluster

import (
	"errors"
	"maps"
	"slices"

	"averazure/internal/host"
	"averazure/internal/names"
	"averazure/internal/settings"
)

// check reports every problem that would keep the Swarm from being made.
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
		if err := names.DockerSecret(name); err != nil {
			problems = append(problems, settings.Problemf("secrets", "%w", err))
		}
	}
	return errors.Join(problems...)
}
