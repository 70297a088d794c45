package release

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Difference is one way in which the Swarm differs from the last release.
type Difference struct {
	// Code names the kind, such as service-gone or field.
	Code string `json:"code"`
	// Kind is what differs: service, network, secret or node.
	Kind string `json:"kind"`
	// Name is its full name.
	Name string `json:"name"`
	// Path is the part of a service's spec in Docker's types, with a key where it is
	// a list, as in TaskTemplate.ContainerSpec.Env.LEVEL.
	Path string `json:"path,omitempty"`
	// Released and Live are the values; empty where there is no value, or where it must not
	// be shown.
	Released string `json:"released,omitempty"`
	Live     string `json:"live,omitempty"`
	// Text is the difference in words.
	Text string `json:"text"`
}

// The codes of differences.
const (
	CodeServiceGone       = "service-gone"
	CodeServiceUnreleased = "service-unreleased"
	CodeField             = "field"
	CodeNetworkGone       = "network-gone"
	CodeNetworkChanged    = "network-changed"
	CodeSecretMissing     = "secret-missing"
	CodeSecretsUnrecorded = "secrets-unrecorded"
	CodeNodeDown          = "node-down"
	CodeNodeAvailability  = "node-availability"
	CodeNodeLeaving       = "node-leaving"
	CodeNodeLabel         = "node-label"
	CodeNodeDisk          = "node-disk"
	CodeNameMissing       = "name-missing"
)

// Differences lists how the Swarm differs from a release, sorted: services,
// networks and secrets of the stack, then the nodes. Without a release only the
// nodes count. Values of variables, and others that may be secret, are not in it.
func Differences(r *Release, s State) []Difference {
	var found []Difference
	if r != nil {
		found = append(found, serviceDifferences(r, s)...)
		found = append(found, missingOf(r, s.Names)...)
		found = append(found, networkDifferences(r, s)...)
		found = append(found, secretDifferences(r, s)...)
	}
	return append(found, nodeDifferences(s.Nodes)...)
}

func (d *Difference) say(format string, args ...any) Difference {
	d.Text = fmt.Sprintf("%s %s: ", d.Kind, d.Name) + fmt.Sprintf(format, args...)
	return *d
}

func serviceDifferences(r *Release, s State) []Difference {
	live := map[string]swarm.ServiceSpec{}
	for _, service := range s.Services {
		live[service.Spec.Name] = service.Spec
	}
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(merged(live, r.Live))) {
		d := Difference{Kind: "service", Name: name}
		now, runs := live[name]
		released, known := r.Live[name]
		switch {
		case !runs:
			d.Code = CodeServiceGone
			found = append(found, d.say("gone"))
		case !known:
			d.Code = CodeServiceUnreleased
			found = append(found, d.say("not released"))
		default:
			found = append(found, specDifferences(name, released, now, s.Networks)...)
		}
	}
	return found
}

func specDifferences(name string, released, live swarm.ServiceSpec, networks []network.Summary) []Difference {
	var found []Difference
	for _, g := range compare(named(released, networks), named(live, networks)) {
		d := Difference{Code: CodeField, Kind: "service", Name: name, Path: g.pathWithKey(), Released: g.before, Live: g.after}
		found = append(found, d.say("%s %s", g.what(), g.drift()))
	}
	return found
}

// named is the normalised spec with names only, where Docker has put ids of networks,
// secrets and configs: whatever is made again has another id. An unknown network remains an
// id.
func named(spec swarm.ServiceSpec, networks []network.Summary) swarm.ServiceSpec {
	spec = Normalise(spec)
	dropIDs(spec)
	for i := range spec.TaskTemplate.Networks {
		target := &spec.TaskTemplate.Networks[i].Target
		at := slices.IndexFunc(networks, func(n network.Summary) bool { return n.ID == *target })
		if at >= 0 {
			*target = networks[at].Name
		}
	}
	return Normalise(spec)
}

// dropIDs removes Docker's ids of secrets and configs from a spec that shares no memory
// with another one.
func dropIDs(spec swarm.ServiceSpec) {
	c := spec.TaskTemplate.ContainerSpec
	if c == nil {
		return
	}
	for _, ref := range c.Secrets {
		if ref != nil {
			ref.SecretID = ""
		}
	}
	for _, ref := range c.Configs {
		if ref != nil {
			ref.ConfigID = ""
		}
	}
}

func (g gap) pathWithKey() string { return strings.TrimSuffix(g.path+"."+g.key, ".") }

// drift describes how a value differs from the release: "5, released 2".
func (g gap) drift() string {
	switch shown := g.before != "" || g.after != ""; {
	case !g.has && !shown:
		return "gone"
	case !g.has:
		return "gone, released " + g.before
	case !g.had && !shown:
		return "not released"
	case !g.had:
		return g.after + ", not released"
	case g.before == g.after:
		return "differs"
	}
	return g.after + ", released " + g.before
}

func networkDifferences(r *Release, s State) []Difference {
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(r.Specs.Networks)) {
		d := Difference{Kind: "network", Name: name}
		live := networkNamed(s.Networks, name)
		if live == nil {
			d.Code = CodeNetworkGone
			found = append(found, d.say("gone"))
		} else if different := differentOptions(*live, r.Specs.Networks[name]); different != "" {
			d.Code = CodeNetworkChanged
			found = append(found, d.say("%s, released otherwise", different))
		}
	}
	return found
}

func secretDifferences(r *Release, s State) []Difference {
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		there := slices.ContainsFunc(s.Secrets, func(secret swarm.Secret) bool { return secret.Spec.Name == r.Secrets[name] })
		if !there {
			d := Difference{Code: CodeSecretMissing, Kind: "secret", Name: name, Released: r.Secrets[name]}
			found = append(found, d.say("missing"))
		}
	}
	// Without the record the newest version is taken, which a rollback may have left.
	stored := slices.ContainsFunc(s.Secrets, func(secret swarm.Secret) bool { return r.Secrets[secret.Spec.Labels[labelSecret]] != "" })
	if s.Unrecorded && stored {
		d := Difference{Code: CodeSecretsUnrecorded, Kind: "secret", Name: secretsRecord}
		found = append(found, d.say("missing; it records the current version of each secret"))
	}
	return found
}

// sameSpecs tells whether two releases ask for the same thing, regardless of Docker's ids
// and of what the registry said about the images' platforms.
func sameSpecs(a, b stackfile.Specs) bool {
	return sameJSON(asWished(a), asWished(b))
}

func asWished(specs stackfile.Specs) stackfile.Specs {
	services := map[string]swarm.ServiceSpec{}
	for name, spec := range specs.Services {
		spec = cloneSpec(spec)
		dropIDs(spec)
		if placement := spec.TaskTemplate.Placement; placement != nil {
			placement.Platforms = nil
			spec.TaskTemplate.Placement = unlessEmpty(placement)
		}
		services[name] = spec
	}
	specs.Services = services
	return specs
}
