package release

import "averazure/internal/stackfile"

// Stand-ins until the real ones are merged.

type Difference struct{ Code, Kind, Name, Text string }

const (
	CodeNodeDown      = "node-down"
	CodeSecretMissing = "secret-missing"
)

func Differences(r *Release, s State) []Difference {
	var all []Difference
	live := map[string]bool{}
	for _, service := range s.Services {
		live[service.Spec.Name] = true
		if old, ok := r.Live[service.Spec.Name]; !ok || !SameSpec(old, service.Spec) {
			all = append(all, Difference{Code: "field", Kind: "service", Name: service.Spec.Name, Text: "service " + service.Spec.Name + " differs"})
		}
	}
	for name := range r.Live {
		if !live[name] {
			all = append(all, Difference{Code: "service-gone", Kind: "service", Name: name, Text: "service " + name + ": gone"})
		}
	}
	return all
}

type Change struct{}

func Changes(r *Release, specs stackfile.Specs) []Change { return nil }

func Guard(scope string, trusted, asked stackfile.Specs) []Problem { return nil }
