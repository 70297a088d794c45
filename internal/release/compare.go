package release

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

// eachField calls do with every part of a value that is in the table, and with every
// other part that is not a struct.
func eachField(v reflect.Value, path string, do func(path string, v reflect.Value)) {
	if _, known := fields[path]; !known {
		inner := v
		if inner.Kind() == reflect.Pointer && inner.Type().Elem().Kind() == reflect.Struct {
			if inner.IsNil() {
				inner = reflect.Zero(inner.Type().Elem())
			} else {
				inner = inner.Elem()
			}
		}
		if inner.Kind() == reflect.Struct && inner.NumField() > 0 {
			for i := range inner.NumField() {
				eachField(inner.Field(i), below(path, inner.Type().Field(i)), do)
			}
			return
		}
	}
	do(path, v)
}

func below(path string, f reflect.StructField) string {
	switch {
	case f.Anonymous:
		return path
	case path == "":
		return f.Name
	}
	return path + "." + f.Name
}

// fieldsOf are the parts of a spec by their paths.
func fieldsOf(spec swarm.ServiceSpec) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	eachField(reflect.ValueOf(spec), "", func(path string, v reflect.Value) { found[path] = v })
	return found
}

// item is one value of a part: its only value, or the value under a key.
type item struct {
	key  string
	show string // for people
	full string // for comparing
}

// gap is a value that differs between two specs.
type gap struct {
	path, key     string
	before, after string // as shown; empty where hidden
	had, has      bool   // whether there was a value, and whether there is one
}

// what is the part's name for people, with the key.
func (g gap) what() string {
	word := cmp.Or(fields[g.path].word, g.path)
	if g.path == "Mode" {
		return g.key
	}
	return strings.TrimSuffix(word+" "+g.key, " ")
}

// hidden tells whether the values must not be shown.
func (g gap) hidden() bool {
	f, known := fields[g.path]
	return f.hidden || !known
}

// compare lists the differences between two normalised specs, sorted.
func compare(before, after swarm.ServiceSpec) []gap {
	old, now := fieldsOf(before), fieldsOf(after)
	var gaps []gap
	for _, path := range slices.Sorted(maps.Keys(now)) {
		if reflect.DeepEqual(old[path].Interface(), now[path].Interface()) {
			continue
		}
		was, is := byKey(path, old[path]), byKey(path, now[path])
		for _, key := range slices.Sorted(maps.Keys(merged(was, is))) {
			a, had := was[key]
			b, has := is[key]
			if had == has && a.full == b.full {
				continue
			}
			g := gap{path: path, key: key, had: had, has: has}
			if !g.hidden() {
				g.before, g.after = a.show, b.show
			}
			gaps = append(gaps, g)
		}
	}
	return gaps
}

func byKey(path string, v reflect.Value) map[string]item {
	found := map[string]item{}
	times := map[string]int{}
	for _, i := range items(path, v) {
		if times[i.key]++; times[i.key] > 1 {
			i.key = fmt.Sprintf("%s (%d)", i.key, times[i.key])
		}
		found[i.key] = i
	}
	return found
}

// items splits a part's value into pieces, each under people's name for it.
func items(path string, v reflect.Value) []item {
	switch value := v.Interface().(type) {
	case map[string]string:
		return each(slices.Sorted(maps.Keys(value)), func(key string) (string, string) { return key, value[key] })
	case swarm.ServiceMode:
		return modeItems(value)
	case []mount.Mount:
		return each(value, func(m mount.Mount) (string, string) { return m.Target, mountSource(m) })
	case []swarm.PortConfig:
		return each(value, portItem)
	case []*swarm.SecretReference:
		return each(value, func(s *swarm.SecretReference) (string, string) { return logical(secretName(s)), secretName(s) })
	case []*swarm.ConfigReference:
		return each(value, func(c *swarm.ConfigReference) (string, string) { return logical(configName(c)), configName(c) })
	case []swarm.NetworkAttachmentConfig:
		return each(value, func(n swarm.NetworkAttachmentConfig) (string, string) { return n.Target, strings.Join(n.Aliases, " ") })
	case []*container.Ulimit:
		return each(value, func(u *container.Ulimit) (string, string) { return ulimitName(u), fmt.Sprint(u) })
	case []string:
		if path == inContainer+"Env" {
			return each(value, func(env string) (string, string) { return variable(env), "" })
		}
	}
	return scalar(v)
}

func portItem(p swarm.PortConfig) (key, show string) {
	return fmt.Sprintf("%d/%s", cmp.Or(p.PublishedPort, p.TargetPort), p.Protocol), fmt.Sprintf("to %d, %s", p.TargetPort, p.PublishMode)
}

func modeItems(mode swarm.ServiceMode) []item {
	kinds := map[string]bool{
		"replicated": mode.Replicated != nil, "global": mode.Global != nil,
		"replicated-job": mode.ReplicatedJob != nil, "global-job": mode.GlobalJob != nil,
	}
	maps.DeleteFunc(kinds, func(_ string, is bool) bool { return !is })
	kind := strings.Join(slices.Sorted(maps.Keys(kinds)), " ")
	list := []item{{"mode", kind, kind}}
	number := func(key string, n *uint64) {
		if n != nil {
			list = append(list, item{key, fmt.Sprint(*n), fmt.Sprint(*n)})
		}
	}
	if mode.Replicated != nil {
		number("replicas", mode.Replicated.Replicas)
	}
	if mode.ReplicatedJob != nil {
		number("job replicas", mode.ReplicatedJob.TotalCompletions)
		number("job parallelism", mode.ReplicatedJob.MaxConcurrent)
	}
	return list
}

// scalar is a part with one value; it has no items if the value is not set.
func scalar(v reflect.Value) []item {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.String, reflect.Struct:
		if v.IsZero() {
			return nil
		}
	}
	full, err := json.Marshal(v.Interface())
	if err != nil {
		full = fmt.Append(nil, v.Interface())
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	show := fmt.Sprint(v.Interface())
	if list, ok := v.Interface().([]string); ok {
		show = strings.Join(list, " ")
	} else if v.Kind() == reflect.Slice || v.Kind() == reflect.Struct {
		show = string(full)
	}
	return []item{{"", excerpt(show, 200), string(full)}}
}

func each[T any](list []T, of func(T) (key, show string)) []item {
	var found []item
	for _, one := range list {
		key, show := of(one)
		found = append(found, item{key, show, canonical(one)})
	}
	return found
}
