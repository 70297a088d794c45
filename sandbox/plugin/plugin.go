// Package plugin is the gRPC side of a resource provider, reduced to what the
// sandbox's providers need: a table of types, each with a few functions.
//
// The functions see plain values: secrets are unwrapped before they are called
// and put back on whatever they return, so a provider can neither leak a secret
// by forgetting to mark it nor be tripped up by one. Values that a preview does
// not know yet stay unknown (see [Unknown]).
package plugin

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Plugin is one resource provider: what the engine knows as a package.
type Plugin struct {
	// Name is the package's name, as in PULUMI_DEBUG_PROVIDERS.
	Name string
	// Version is what the plugin says of itself, for example "1.2.1".
	Version string
	// Types maps a resource's token, as in its URN, to its behaviour.
	Types map[string]Type
	// Functions maps a function's token to its behaviour.
	Functions map[string]Function
	// Parameterize names the package that a parameter makes of the plugin, or says
	// why it makes none; nil refuses every parameter. The package's types are in
	// Types: one process serves them all, the original starts one for each package.
	Parameterize func(parameter []byte) (name string, err error)
	// CheckConfig judges and completes the provider's configuration; nil accepts it.
	CheckConfig func(ctx context.Context, news resource.PropertyMap) (resource.PropertyMap, []Failure, error)
	// Configure is called once for each configuration before any resource; nil does nothing.
	Configure func(ctx context.Context, inputs resource.PropertyMap) error
}

// Type is the behaviour of one resource type. Every function may be nil; the
// comment at each says what happens then.
type Type struct {
	// Check completes and judges the inputs; nil passes them on.
	Check func(ctx context.Context, urn resource.URN, olds, news resource.PropertyMap) (resource.PropertyMap, []Failure, error)
	// Diff compares; nil compares deeply with the old inputs, see [Type.Compare].
	Diff func(ctx context.Context, urn resource.URN, id string, oldInputs, oldState, news resource.PropertyMap) (Diff, error)
	// Create makes the resource; in a preview it only says what is known and the
	// id is ignored. nil records the inputs under an id made from the name. One that
	// has made the resource and failed afterwards returns [Unfinished].
	Create func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (id string, state resource.PropertyMap, err error)
	// Read looks the resource up; nil returns what is recorded. An empty newID
	// says that the resource is gone.
	Read func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) (newID string, newInputs, newState resource.PropertyMap, err error)
	// Update changes the resource in place; nil records the inputs over the state.
	Update func(ctx context.Context, urn resource.URN, id string, oldInputs, oldState, news resource.PropertyMap, preview bool) (resource.PropertyMap, error)
	// Delete removes the resource; nil does nothing.
	Delete func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) error

	// Replaces lists the inputs, as property paths, whose change means a new
	// resource; everything below a path counts too.
	Replaces []string
	// SecretsCount says that [Type.Compare] sees a change where a value becomes
	// secret or stops being one; without it only the values count.
	SecretsCount bool
	// DeleteBeforeReplace says that the old resource must go first.
	DeleteBeforeReplace bool
	// Secrets lists the outputs, as property paths, that are always secret.
	Secrets []string
	// SecretsInLists says that a secret in a list keeps its place, and does not make
	// a secret of the whole list.
	SecretsInLists bool
	// SecretFrom lists for an output the inputs that make it secret when one of
	// them is. An output without an entry is secret if the input of its name is.
	SecretFrom map[string][]string
}

// Failure says what is wrong with an input; the engine prints it and stops
// before anything is touched.
type Failure struct{ Property, Reason string }

// Function is a function of a package (an invoke).
type Function func(ctx context.Context, args resource.PropertyMap) (resource.PropertyMap, error)

// Unknown is the value of an output that only the real run will know.
func Unknown() resource.PropertyValue {
	return resource.MakeComputed(resource.NewStringProperty(""))
}
