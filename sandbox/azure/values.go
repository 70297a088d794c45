package azure

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// object is a resource's properties as plain JSON values, plus resource.Computed for what
// a preview does not know yet.
type object = map[string]any

// at returns the value at a dotted path such as "osProfile.adminUsername", or
// nil. A number steps into a list.
func at(o object, path string) any {
	var v any = o
	for key := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case object:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// text returns the string at path, or "".
func text(o object, path string) string {
	s, _ := at(o, path).(string)
	return s
}

// items returns the objects of the list at path.
func items(o object, path string) []object {
	list, _ := at(o, path).([]any)
	var out []object
	for _, v := range list {
		if item, ok := v.(object); ok {
			out = append(out, item)
		}
	}
	return out
}

// texts returns the strings of the list at path.
func texts(o object, path string) []string {
	list, _ := at(o, path).([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number returns the number at path, or 0.
func number(o object, path string) int {
	f, _ := at(o, path).(float64)
	return int(f)
}

// flag returns the boolean at path and whether it is set.
func flag(o object, path string) (value, set bool) {
	value, set = at(o, path).(bool)
	return value, set
}

// put sets the value at a dotted path and creates missing objects.
func put(o object, path string, v any) {
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := o[key].(object)
		if !ok {
			next = object{}
			o[key] = next
		}
		o = next
	}
	o[keys[len(keys)-1]] = v
}

// fallback sets the value at path unless it is set.
func fallback(o object, path string, v any) {
	if at(o, path) == nil {
		put(o, path, v)
	}
}

// drop removes the value at path.
func drop(o object, path string) {
	i := strings.LastIndex(path, ".")
	if i < 0 {
		delete(o, path)
		return
	}
	if parent, ok := at(o, path[:i]).(object); ok {
		delete(parent, path[i+1:])
	}
}

// clone copies o deeply.
func clone(o object) object {
	out := maps.Clone(o)
	for k, v := range out {
		out[k] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case object:
		return clone(v)
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = cloneValue(out[i])
		}
		return out
	}
	return v
}

// same compares two values as JSON.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// known tells whether v contains no unknown values.
func known(v any) bool {
	switch v := v.(type) {
	case resource.Computed, resource.Output:
		return false
	case object:
		for _, e := range v {
			if !known(e) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !known(e) })
	}
	return true
}

// fromEngine converts the engine's properties to plain values without nulls, as
// azure-native reads them (SkipNulls).
func fromEngine(m resource.PropertyMap) object {
	return withoutNulls(m.Mappable()).(object)
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case object:
		for k, e := range v {
			if e == nil {
				delete(v, k)
				continue
			}
			v[k] = withoutNulls(e)
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

func toEngine(o object) resource.PropertyMap { return resource.NewPropertyMapFromMap(o) }

// list converts strings to a list of values.
func list(values ...string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
