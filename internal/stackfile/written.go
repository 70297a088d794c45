package stackfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/compose/interpolation"
	"github.com/docker/cli/cli/compose/loader"
	"github.com/docker/cli/cli/compose/types"
)

const (
	// maxPorts bounds the ports that ranges may stand for.
	maxPorts = 2000
	// maxServices bounds the services of one file.
	maxServices = 1000
)

// written is one source as its author wrote it: variables are replaced, but Docker's loader
// has not yet added defaults, made paths absolute or read files.
type written struct {
	problems
	values map[string]string // of variables
	size   *measure          // of all sources
	ports  int
}

// check refuses mistakes that a loaded file no longer shows, and content that would be
// harmful to load. It returns the file with its variables replaced.
func (w *written) check(dict map[string]any) (plain map[string]any, err error) {
	if services, _ := dict["services"].(map[string]any); len(services) > maxServices {
		return nil, fmt.Errorf("%s: it has %d services; a stack file may have %d", w.places.at("services"), len(services), maxServices)
	}
	w.variables(nil, dict)
	if err := w.err(); err != nil {
		return nil, err
	}
	plain, err = interpolation.Interpolate(dict, interpolation.Options{LookupValue: w.value})
	if err != nil {
		return nil, w.places.explain(err)
	}
	services, _ := plain["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if service, ok := services[name].(map[string]any); ok {
			w.service(name, service)
		}
	}
	return plain, w.err()
}

// value is the value of a variable.
func (w *written) value(name string) (string, bool) {
	value, ok := w.values[name]
	return value, ok
}

func (w *written) service(name string, service map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(types.ForbiddenProperties)) {
		if _, ok := service[key]; ok {
			w.add(at("services", name, key), "service %q sets %s, which docker stack deploy does not support: %s", name, key, types.ForbiddenProperties[key])
		}
	}
	if _, ok := service["credential_spec"]; ok {
		w.add(at("services", name, "credential_spec"), "service %q has a credential_spec, which only Windows nodes support", name)
	}
	for i, volume := range list(service["volumes"]) {
		w.mount(name, at("services", name, "volumes", strconv.Itoa(i)), volume)
	}
	for i, port := range list(service["ports"]) {
		w.portRange(name, at("services", name, "ports", strconv.Itoa(i)), port)
	}
}

// mount refuses paths that are only valid relative to the file, and options that Docker on
// the nodes (26.1) does not know.
func (w *written) mount(service string, where path, volume any) {
	var kind, source string
	switch volume := volume.(type) {
	case string:
		parsed, err := loader.ParseVolume(volume)
		if err != nil {
			return // the loader reports it
		}
		kind, source = parsed.Type, parsed.Source
	case map[string]any:
		kind, _ = volume["type"].(string)
		source, _ = volume["source"].(string)
		if options, ok := volume["volume"].(map[string]any); ok && options["subpath"] != nil {
			w.add(where, "service %q mounts a subpath of a volume, which Docker before 28 ignores", service)
		}
	}
	switch {
	case kind == "image":
		w.add(where, "service %q mounts an image, which Docker before 28 does not know", service)
	case kind == "bind" && !strings.HasPrefix(source, "/"):
		w.add(where, "service %q mounts %s, a path relative to the stack file, which the nodes do not have; write the nodes' own path, beginning with /", service, source)
	}
}

var portRanges = regexp.MustCompile(`(\d+)-(\d+)`)

// portRange counts the ports of a range before the loader expands it.
func (w *written) portRange(service string, where path, port any) {
	text, ok := port.(string)
	if !ok {
		return
	}
	width := 1
	for _, match := range portRanges.FindAllStringSubmatch(text, -1) {
		from, _ := strconv.Atoi(match[1])
		to, _ := strconv.Atoi(match[2])
		width = max(width, min(to, 1<<16)-from+1)
	}
	if before := w.ports; before <= maxPorts {
		if w.ports += width; w.ports > maxPorts {
			w.add(where, "service %q publishes %s, which makes more than %d ports in the file", service, text, maxPorts)
		}
	}
}

func list(value any) []any {
	items, _ := value.([]any)
	return items
}
