package stackfile

import (
	"fmt"
	"maps"
	"slices"

	"averazure/internal/names"
)

// Unprovided returns one error for every external secret that a service uses and that is
// not among those that the cluster holds: no task of that service would ever start.
func (f *File) Unprovided(known []string) []error {
	found := problems{places: f.places}
	users := map[string]string{}
	for _, service := range f.model.Services {
		for _, secret := range service.Secrets {
			users[secret.Source] = service.Name
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.model.Secrets)) {
		secret := f.model.Secrets[key]
		if f.fitted > 0 && secret.Name != key {
			continue // its name may come from a variable without a value
		}
		if user, used := users[key]; used && secret.External.External && !slices.Contains(known, secret.Name) {
			hint := ""
			if best := nearest(secret.Name, known); best != "" && len(found.found) < maxProblems {
				hint = fmt.Sprintf("did you mean %s? Or ", best)
			}
			found.add(at("secrets", key), "service %q uses the secret %q, which nothing provides; %s`pulumi config set --secret --path '%s'` asks for its value",
				user, secret.Name, hint, names.SecretPath(secret.Name))
		}
	}
	return found.all()
}
