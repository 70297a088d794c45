package azure

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// outputs are the inputs that the service returns.
func (k *kind) outputs(inputs object) object {
	state := clone(inputs)
	if !k.echo {
		for _, part := range k.parts() {
			delete(state, part)
		}
		for _, path := range k.hidden {
			drop(state, path)
		}
		delete(state, createBeforeDelete)
	}
	return state
}

// foresee is what a preview knows of the outputs: the inputs, and for an update the name
// and the location too (PreviewOutputs and stableOutputs in azure-native's provider.go).
func (k *kind) foresee(inputs, oldState object) object {
	state := k.outputs(inputs)
	computed := k.computed
	if !k.echo {
		computed = append([]string{"name", "type"}, computed...)
	}
	for _, path := range computed {
		veil(state, strings.Split(path, "."))
	}
	for _, stable := range []string{"name", "location"} {
		if v, ok := oldState[stable]; ok && !k.echo {
			state[stable] = v
		}
	}
	return state
}

// veil marks the value at a path as unknown unless it is set. "*" stands for every item
// of a list.
func veil(v any, path []string) {
	switch in := v.(type) {
	case []any:
		if path[0] == "*" {
			for _, item := range in {
				veil(item, path[1:])
			}
		}
	case object:
		next, ok := in[path[0]]
		if !ok {
			in[path[0]] = resource.Computed{Element: resource.NewStringProperty("")}
		} else if len(path) > 1 {
			veil(next, path[1:])
		}
	}
}

// keep sets an output that never changes after the first time.
func (op *operation) keep(path string, fresh func() any) {
	if op.old != nil {
		if v := at(op.old.State, path); v != nil {
			put(op.state, path, v)
			return
		}
	}
	put(op.state, path, fresh())
}

// always is a constant value for keep.
func always(v any) func() any { return func() any { return v } }

func freshUUID() any { return newUUID() }
