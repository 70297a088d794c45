package release

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Change is one thing that a deployment of a file would change.
type Change struct {
	// Code names the kind: new, removed or field.
	Code string `json:"code"`
	// Kind is what changes: service, network or volume.
	Kind string `json:"kind"`
	// Name is its full name.
	Name string `json:"name"`
	// Path is the part of a service's spec, as in Difference.
	Path string `json:"path,omitempty"`
	// Before and After are the values; empty where there is no value, or where it must not
	// be shown.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Text is the change in words.
	Text string `json:"text"`
}

// The codes of changes.
const (
	CodeNew     = "new"
	CodeRemoved = "removed"
	CodeChanged = "field"
)

// Diff is what a deployment of a file would change.
type Diff struct {
	Stack   string   `json:"stack"`
	Changes []Change `json:"changes"`
	// Images are the images that the registry does not show. Services whose image is the
	// same in the last release are not checked.
	Images []Problem `json:"images,omitempty"`
	// Refused is what the caller may not deploy.
	Refused []Problem `json:"refused,omitempty"`
}

// Changes lists what a deployment of some specs would change of the last release,
// sorted. Without a release everything is new. Values of variables, and others that
// may be secret, are not in it.
func Changes(before *Release, after stackfile.Specs) []Change {
	was := stackfile.Specs{}
	if before != nil {
		was = before.Specs
	}
	return slices.Concat(serviceChanges(was.Services, after.Services), networkChanges(was.Networks, after.Networks), volumeChanges(was, after))
}

func serviceChanges(was, is map[string]swarm.ServiceSpec) []Change {
	all := merged(was, is)
	var found []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := Change{Kind: "service", Name: name}
		short := shortName(name, all[name].Labels)
		old, had := was[name]
		now, has := is[name]
		switch {
		case !had:
			c.Code = CodeNew
			found = append(found, c.say(short, "new (%s)", summary(now)))
		case !has:
			c.Code = CodeRemoved
			found = append(found, c.say(short, "removed%s", volumesOf(old)))
		default:
			found = append(found, specChanges(c, short, old, now)...)
		}
	}
	return found
}

func (c Change) say(short, format string, args ...any) Change {
	c.Text = shortDigests(fmt.Sprintf("%s %s: ", c.Kind, short) + fmt.Sprintf(format, args...))
	return c
}

// digests matches the digests of images. Their first part, which is enough to tell them
// apart, is captured.
var digests = regexp.MustCompile(`@sha256:([0-9a-f]{12})[0-9a-f]{52}\b`)

// shortDigests is a text with digests shortened for people.
func shortDigests(text string) string { return digests.ReplaceAllString(text, "@$1") }

// shortName is a name as it is written in the stack file.
func shortName(name string, labels map[string]string) string {
	return strings.TrimPrefix(name, labels[convert.LabelNamespace]+"_")
}

// summary is a new service in a few words.
func summary(spec swarm.ServiceSpec) string {
	spec = Normalise(spec)
	var parts []string
	if c := spec.TaskTemplate.ContainerSpec; c != nil {
		parts = append(parts, "image "+c.Image)
		for _, m := range c.Mounts {
			parts = append(parts, fmt.Sprintf("%s at %s", mountSource(m), m.Target))
		}
		for _, s := range c.Secrets {
			parts = append(parts, "secret "+logical(secretName(s)))
		}
		for _, name := range variablesOf(c.Env) {
			parts = append(parts, "variable "+name)
		}
	}
	for _, port := range spec.EndpointSpec.Ports {
		parts = append(parts, fmt.Sprintf("port %d", cmp.Or(port.PublishedPort, port.TargetPort)))
	}
	if r := spec.Mode.Replicated; r != nil && *r.Replicas != 1 {
		parts = append(parts, fmt.Sprintf("replicas %d", *r.Replicas))
	}
	return strings.Join(parts, ", ")
}

// variablesOf are the names of variables, whose values must not be shown.
func variablesOf(env []string) []string {
	var names []string
	for _, one := range env {
		names = append(names, variable(one))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mountSource is what is mounted. For Docker, a mount without a type is a bind mount.
func mountSource(m mount.Mount) string {
	return strings.TrimSpace(string(cmp.Or(m.Type, mount.TypeBind)) + " " + m.Source)
}

func specChanges(c Change, short string, old, now swarm.ServiceSpec) []Change {
	var found []Change
	for _, g := range compare(asWritten(old, now), asWritten(now, old)) {
		c.Code, c.Path, c.Before, c.After = CodeChanged, g.pathWithKey(), g.before, g.after
		found = append(found, c.say(short, "%s %s", g.what(), g.change()))
	}
	return found
}

// unversioned is a normalised spec without the values that are only filled in when it is
// applied: the versions of the secrets and Docker's ids.
func unversioned(spec swarm.ServiceSpec) swarm.ServiceSpec {
	spec = Normalise(spec)
	if container := spec.TaskTemplate.ContainerSpec; container != nil {
		for _, s := range container.Secrets {
			if s != nil {
				s.SecretName = logical(s.SecretName)
			}
		}
	}
	dropIDs(spec)
	return Normalise(spec)
}

// asWritten is a spec to compare with another: without the digest of its image
// where the other spec has none.
func asWritten(spec, other swarm.ServiceSpec) swarm.ServiceSpec {
	spec = unversioned(spec)
	now, then := spec.TaskTemplate.ContainerSpec, other.TaskTemplate.ContainerSpec
	if now != nil && then != nil && !strings.Contains(then.Image, "@") {
		now.Image = withoutDigest(now.Image)
	}
	return spec
}

// withoutDigest is an image's name and tag as people write them.
func withoutDigest(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if named, err := reference.ParseNormalizedNamed(image); err == nil {
		return reference.FamiliarString(reference.TagNameOnly(named))
	}
	return image
}

// change describes how a value changes: "2 -> 4".
func (g gap) change() string {
	switch shown := g.before != "" || g.after != ""; {
	case !g.has && g.before == g.key:
		return "removed"
	case !g.has:
		return strings.TrimSpace("removed " + inBrackets(g.before))
	case !g.had && g.after == g.key: // as a secret that is mounted under its own name
		return "new"
	case !g.had:
		return strings.TrimSpace("new " + inBrackets(g.after))
	case !shown || g.before == g.after:
		return "changed"
	}
	return g.before + " -> " + g.after
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}

func networkChanges(was, is map[string]network.CreateOptions) []Change {
	all := merged(was, is)
	var found []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := Change{Kind: "network", Name: name}
		short := shortName(name, all[name].Labels)
		old, had := was[name]
		now, has := is[name]
		switch {
		case !had:
			c.Code = CodeNew
			found = append(found, c.say(short, "new"))
		case !has:
			c.Code = CodeRemoved
			found = append(found, c.say(short, "removed"))
		case !sameJSON(old, now):
			c.Code = CodeChanged
			found = append(found, c.say(short, "changed; Docker cannot change the options of an existing network"))
		}
	}
	return found
}
