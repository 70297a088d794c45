package plugin

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// plain returns a copy of m without secret wrappers, all the way down. The copy
// is the callee's to change.
func plain(m resource.PropertyMap) resource.PropertyMap {
	out := make(resource.PropertyMap, len(m))
	for k, v := range m {
		out[k] = plainValue(v)
	}
	return out
}

func plainValue(v resource.PropertyValue) resource.PropertyValue {
	switch {
	case v.IsSecret():
		return plainValue(v.SecretValue().Element)
	case v.IsObject():
		return resource.NewObjectProperty(plain(v.ObjectValue()))
	case v.IsArray():
		out := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			out[i] = plainValue(e)
		}
		return resource.NewArrayProperty(out)
	default:
		return v
	}
}

// conceal marks in m what was secret in like: a property is secret where the
// one at the same place was. This is what the engine itself does for providers
// that do not speak secrets (annotateSecrets in
// sdk/go/common/resource/plugin/provider_plugin.go), bridged ones for example.
func conceal(m, like resource.PropertyMap) {
	for k, before := range like {
		v, ok := m[k]
		switch {
		case !ok || v.IsSecret():
		case v.IsObject() && before.IsObject():
			conceal(v.ObjectValue(), before.ObjectValue())
		case v.IsObject() && before.IsSecret() && before.SecretValue().Element.IsObject():
			conceal(v.ObjectValue(), before.SecretValue().Element.ObjectValue()) // a secret within a secret stays one
			m[k] = resource.MakeSecret(v)
		case before.ContainsSecrets():
			m[k] = resource.MakeSecret(v)
		}
	}
}

// concealState marks a resource's outputs: by its inputs, by the type's own
// rules, and by what was secret before.
func (t Type) concealState(state, inputs, before resource.PropertyMap) resource.PropertyMap {
	state = plain(state)
	conceal(state, before)
	conceal(state, without(inputs, t.SecretFrom))
	for out, sources := range t.SecretFrom {
		key := resource.PropertyKey(out)
		v, ok := state[key]
		secret := slices.ContainsFunc(sources, func(s string) bool {
			return inputs[resource.PropertyKey(s)].ContainsSecrets()
		})
		if ok && secret && !v.IsSecret() {
			state[key] = resource.MakeSecret(v)
		}
	}
	for _, path := range t.Secrets {
		concealPath(state, path)
	}
	return state
}

func without(inputs resource.PropertyMap, keys map[string][]string) resource.PropertyMap {
	out := resource.PropertyMap{}
	for k, v := range inputs {
		if _, skip := keys[string(k)]; !skip {
			out[k] = v
		}
	}
	return out
}

func concealPath(m resource.PropertyMap, text string) {
	path, err := resource.ParsePropertyPath(text)
	if err != nil {
		return
	}
	root := resource.NewObjectProperty(m)
	if v, ok := path.Get(root); ok && !v.IsSecret() && !v.IsNull() {
		path.Set(root, resource.MakeSecret(v))
	}
}
