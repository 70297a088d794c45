package release

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// What the deploy key may do (averazure:deployScope).
const (
	// ScopeStack allows everything that a stack file can say, except what gives control of
	// the node.
	ScopeStack = "stack"
	// ScopeImages allows other tags and digests of the same images, replicas and
	// labels, and nothing else.
	ScopeImages = "images"
)

// CodeDeployKey is the code of what the deploy key may not change.
const CodeDeployKey = "deploy-key"

// Guard lists what a file of the deploy key asks for and may not change; an empty list lets
// the file through. Trusted is what `pulumi up` deployed or announced last: a service may
// keep what it has there. Guard refuses everything that it does not know, so a new part of
// Docker's types opens no way out.
func Guard(scope string, trusted announced, asked stackfile.Specs) []Problem {
	if scope != ScopeStack && scope != ScopeImages {
		return []Problem{{Code: CodeDeployKey, Field: "scope", Reason: fmt.Sprintf(
			"averazure:deployScope is %q; it must be %s or %s; nothing is allowed until then", scope, ScopeStack, ScopeImages)}}
	}
	g := newGuard(trusted, asked)
	refused, anyway := g.refusals(scope), map[refusal]bool{}
	if scope == ScopeImages {
		for _, no := range g.refusals(ScopeStack) {
			anyway[no.where()] = true
		}
	}
	var problems []Problem
	for _, no := range refused[:min(len(refused), problemLimit)] {
		way := "deploy it once with `pulumi up`"
		if scope == ScopeImages && !anyway[no.where()] {
			way = "set averazure:deployScope to stack, or deploy it once with `pulumi up`"
		}
		problems = append(problems, Problem{Code: CodeDeployKey, Service: no.service, Field: no.field,
			Reason: fmt.Sprintf("the deploy key may not change %s: %s; %s", no.field, no.why, way)})
	}
	if more := len(refused) - len(problems); more > 0 {
		problems = append(problems, Problem{Code: CodeDeployKey, Reason: fmt.Sprintf("and %d more like this", more)})
	}
	return problems
}

// problemLimit keeps a stranger's file from filling the log.
const problemLimit = 20

// refusal is one thing that the deploy key may not change.
type refusal struct{ service, field, why string }

// where is the refusal without its reason, because each scope words the reason differently.
func (r refusal) where() refusal { return refusal{service: r.service, field: r.field} }

// guard holds the two files while they are compared.
type guard struct {
	stack          string // the stack's name
	trusted, asked stackfile.Specs
	// Names of the volumes and networks that reach out of a container. A service that names
	// one gets all of it, without writing its options again.
	specialVolumes, specialNetworks map[string]bool
}

func newGuard(trusted announced, asked stackfile.Specs) *guard {
	g := &guard{specialVolumes: map[string]bool{}, specialNetworks: map[string]bool{}}
	g.trusted, g.asked = unversionedSpecs(trusted.Specs), unversionedSpecs(asked)
	for _, specs := range []stackfile.Specs{asked, trusted.Specs} { // the trusted file is last, so it wins
		for _, name := range slices.Sorted(maps.Keys(specs.Services)) {
			g.stack = specs.Services[name].Labels[convert.LabelNamespace]
		}
	}
	for name, options := range g.trusted.Networks {
		if beyondOverlay(options) != "" {
			g.specialNetworks[name] = true
		}
	}
	for _, name := range append(specialVolumes(g.trusted), trusted.Special...) {
		g.specialVolumes[name] = true
	}
	g.addShared()
	return g
}

func unversionedSpecs(specs stackfile.Specs) stackfile.Specs {
	copied := map[string]swarm.ServiceSpec{}
	for name, spec := range specs.Services {
		copied[name] = unversioned(spec)
	}
	specs.Services = copied
	networks := map[string]network.CreateOptions{}
	for name, options := range specs.Networks {
		networks[name] = tidy(reflect.ValueOf(options)).Interface().(network.CreateOptions)
	}
	specs.Networks = networks
	return specs
}

// refusals are what the scope does not allow, sorted.
func (g *guard) refusals(scope string) []refusal {
	var found []refusal
	for _, name := range slices.Sorted(maps.Keys(g.asked.Services)) {
		found = append(found, g.service(scope, name)...)
	}
	found = append(found, g.networks(scope)...)
	if scope == ScopeImages {
		for _, name := range slices.Sorted(maps.Keys(g.trusted.Services)) {
			if _, kept := g.asked.Services[name]; !kept {
				found = append(found, refusal{name, "services", "the service would be removed"})
			}
		}
	}
	return found
}

// networks checks the networks that the file defines.
func (g *guard) networks(scope string) []refusal {
	var found []refusal
	for _, name := range slices.Sorted(maps.Keys(g.asked.Networks)) {
		now, field := g.asked.Networks[name], "network "+name
		before, known := g.trusted.Networks[name]
		beyond := beyondOverlay(now)
		switch {
		case known && sameJSON(now, before):
		case scope == ScopeImages:
			found = append(found, refusal{"", field, "it is not as `pulumi up` deployed it"})
		case !strings.HasPrefix(name, g.stack+"_"):
			found = append(found, refusal{"", field, "it sets its own name, which may be another stack's network"})
		case now.Labels[convert.LabelNamespace] != g.stack:
			found = append(found, refusal{"", field, "its label does not name the stack"})
		case beyond != "":
			found = append(found, refusal{"", field, fmt.Sprintf("its %s may make it more than an overlay network between containers", beyond)})
		}
	}
	if scope == ScopeImages {
		for _, name := range slices.Sorted(maps.Keys(g.trusted.Networks)) {
			if _, kept := g.asked.Networks[name]; !kept {
				found = append(found, refusal{"", "network " + name, "it would be removed"})
			}
		}
	}
	return found
}

// service checks one service of the file.
func (g *guard) service(scope, name string) []refusal {
	now, before := g.asked.Services[name], g.trusted.Services[name]
	_, known := g.trusted.Services[name]
	if !known {
		before = Normalise(swarm.ServiceSpec{Annotations: swarm.Annotations{Name: name}})
	}
	rules, why := stackRules, ""
	switch {
	case now.TaskTemplate.ContainerSpec == nil:
		return []refusal{{name, "image", "the service has no container"}}
	case !strings.HasPrefix(name, g.stack+"_"):
		return []refusal{{name, "name", "the name does not belong to the stack"}}
	case scope == ScopeImages && !known:
		return []refusal{{name, "services", "the service is new"}}
	case scope == ScopeImages:
		rules = imagesRules
	default:
		// Whoever chooses the program in a container that controls the node controls the node.
		if reach := g.reach(before); reach != "" && g.reach(now) != "" {
			rules, why = imagesRules, fmt.Sprintf("the service reaches out of its container (%s), so only its tag, replicas and labels are free", reach)
		}
	}
	var found []refusal
	values, former := fieldsOf(now), fieldsOf(before)
	for _, path := range slices.Sorted(maps.Keys(values)) {
		c := asking{g: g, path: path, now: now, before: before, value: values[path], former: former[path]}
		for _, no := range rules(path)(c) {
			if why != "" {
				no.why = why
			}
			found = append(found, refusal{name, no.field, no.why})
		}
	}
	return found
}

// asking is one part of a service that a file asks for.
type asking struct {
	g             *guard
	path          string
	now, before   swarm.ServiceSpec // normalised
	value, former reflect.Value     // values of the part
}

// rule lists the refused changes of a part.
type rule func(asking) []refusal

// stackRules are the rules of the scope stack, by the table of all parts.
func stackRules(path string) rule {
	switch fields[path].may {
	case free:
		return func(asking) []refusal { return nil }
	case orNothing:
		return noMore
	case stackLabel:
		return checkLabels
	case ownPort:
		return checkPorts
	case ownVolume:
		return checkVolumes
	case ownNetwork:
		return checkJoined
	case ownConfig:
		return checkConfigs
	case plainPath:
		return checkSecrets
	case harmlessLog:
		return checkLogging
	}
	return same
}

// imagesRules are the rules of the scope images.
func imagesRules(path string) rule {
	switch path {
	case inContainer + "Image":
		return sameRepository
	case "Labels", inContainer + "Labels":
		return checkReadLabels
	case "Mode":
		return onlyReplicas
	}
	return same
}

// no refuses a part, or its value under a key.
func (c asking) no(key, why string, args ...any) []refusal {
	return []refusal{{field: gap{path: c.path, key: key}.what(), why: fmt.Sprintf(why, args...)}}
}

func (c asking) unchanged() bool { return reflect.DeepEqual(c.value.Interface(), c.former.Interface()) }
