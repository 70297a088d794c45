// Package plugin is the gRPC side of a resource provider, reduced to what the sandbox's
// providers need: a table of types, each with a few functions.
//
// The functions see plain values. The package unwraps secrets before it calls a function
// and marks them again on the result, so a provider cannot leak a secret by forgetting to
// mark it. Values that a preview does not know stay unknown (see [Unknown]).
package plugin

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Plugin is one resource provider, which the engine calls a package.
type Plugin struct {
	// Name is the package's name, as in PULUMI_DEBUG_PROVIDERS.
	Name string
	// Version is the plugin's version, for example "1.2.1".
	Version string
	// Types maps a resource's token, as in its URN, to its behaviour.
	Types map[string]Type
	// Functions maps a function's token to its behaviour.
	Functions map[string]Function
	// Parameterize returns the name of the package that a parameter selects, or an error.
	// nil refuses every parameter. Types also holds the types of that package: one
	// process serves all packages, where the original starts one for each.
	Parameterize func(parameter []byte) (name string, err error)
	// CheckConfig validates and completes the provider's configuration; nil accepts it.
	CheckConfig func(ctx context.Context, news resource.PropertyMap) (resource.PropertyMap, []Failure, error)
	// Configure is called once for each configuration before any resource; nil does nothing.
	Configure func(ctx context.Context, inputs resource.PropertyMap) error
}

// Type is the behaviour of one resource type. Every function may be nil; its comment says
// what happens then.
type Type struct {
	// Check validates and completes the inputs; nil accepts them.
	Check func(ctx context.Context, urn resource.URN, olds, news resource.PropertyMap) (resource.PropertyMap, []Failure, error)
	// Diff compares; nil compares deeply with the old inputs, see [Type.Compare].
	Diff func(ctx context.Context, urn resource.URN, id string, oldInputs, oldState, news resource.PropertyMap) (Diff, error)
	// Create creates the resource. In a preview it returns only what is known, and the id
	// is ignored. nil records the inputs under an id made from the name. If the resource
	// exists but the rest failed, it returns [Unfinished].
	Create func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (id string, state resource.PropertyMap, err error)
	// Read looks the resource up; nil returns the recorded state. An empty newID means
	// that the resource is gone.
	Read func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) (newID string, newInputs, newState resource.PropertyMap, err error)
	// Update changes the resource in place; nil records the inputs over the state.
	Update func(ctx context.Context, urn resource.URN, id string, oldInputs, oldState, news resource.PropertyMap, preview bool) (resource.PropertyMap, error)
	// Delete removes the resource; nil does nothing.
	Delete func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) error

	// Replaces lists the inputs, as property paths, whose change replaces the resource. A
	// path includes everything below it.
	Replaces []string
	// SecretsCount makes [Type.Compare] report a value that becomes secret or stops being
	// secret. Without it only the values count.
	SecretsCount bool
	// DeleteBeforeReplace deletes the old resource before it creates the new one.
	DeleteBeforeReplace bool
	// Secrets lists the outputs, as property paths, that are always secret.
	Secrets []string
	// SecretsInLists keeps secrets in a list in place. Without it the whole list becomes
	// secret.
	SecretsInLists bool
	// SecretFrom lists, for an output, the inputs that make it secret. An output without an
	// entry is secret if the input of the same name is secret.
	SecretFrom map[string][]string
}

// Failure is a problem with an input. The engine prints it and stops before it changes
// anything.
type Failure struct{ Property, Reason string }

// Function is a function of a package (an invoke).
type Function func(ctx context.Context, args resource.PropertyMap) (resource.PropertyMap, error)

// Unknown is the value of an output that only a real run knows.
func Unknown() resource.PropertyValue {
	return resource.MakeComputed(resource.NewStringProperty(""))
}
