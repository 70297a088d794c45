package plugin

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// plain returns a deep copy of m without secret wrappers. The copy may be changed.
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

// conceal marks values in m as secret if they are secret in like: a property whose
// counterpart is secret, and a whole list that contains a secret. The engine does the same
// for providers that do not accept secrets (annotateSecrets in
// sdk/go/common/resource/plugin/provider_plugin.go). With inLists, only the secret elements
// of a list are marked if both lists have the same length.
func conceal(m, like resource.PropertyMap, inLists bool) {
	for k, before := range like {
		if v, ok := m[k]; ok {
			m[k] = concealValue(v, before, inLists)
		}
	}
}

func concealValue(v, before resource.PropertyValue, inLists bool) resource.PropertyValue {
	if v.IsSecret() {
		return v
	}
	secret := before.IsSecret()
	if secret {
		before = before.SecretValue().Element
	}
	switch {
	case v.IsObject() && before.IsObject():
		conceal(v.ObjectValue(), before.ObjectValue(), inLists) // keeps secrets inside a secret
	case inLists && v.IsArray() && before.IsArray() && len(v.ArrayValue()) == len(before.ArrayValue()):
		for i, element := range v.ArrayValue() {
			v.ArrayValue()[i] = concealValue(element, before.ArrayValue()[i], inLists)
		}
	default:
		secret = secret || before.ContainsSecrets()
	}
	if secret {
		return resource.MakeSecret(v)
	}
	return v
}

// concealState marks a resource's outputs by its inputs, by the type's own rules, and by
// the earlier state.
func (t Type) concealState(state, inputs, before resource.PropertyMap) resource.PropertyMap {
	state = plain(state)
	conceal(state, before, t.SecretsInLists)
	conceal(state, without(inputs, t.SecretFrom), t.SecretsInLists)
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

// concealPath marks the value at a path, which may be inside a secret.
func concealPath(m resource.PropertyMap, text string) {
	if path, err := resource.ParsePropertyPath(text); err == nil {
		concealAt(resource.NewObjectProperty(m), path)
	}
}

func concealAt(v resource.PropertyValue, path resource.PropertyPath) resource.PropertyValue {
	switch {
	case v.IsSecret():
		if len(path) > 0 {
			concealAt(v.SecretValue().Element, path)
		}
		return v
	case v.IsNull():
		return v
	case len(path) == 0:
		return resource.MakeSecret(v)
	}
	if name, ok := path[0].(string); ok && v.IsObject() {
		key := resource.PropertyKey(name)
		if inner, ok := v.ObjectValue()[key]; ok {
			v.ObjectValue()[key] = concealAt(inner, path[1:])
		}
	}
	return v
}
