// Package command emulates the resources Command and CopyToRemote (command:remote) of the
// Pulumi plugin `command` 1.2.1, for machines that cannot install it. Its behaviour was
// read in the original (github.com/pulumi/pulumi-command, provider/pkg/provider/remote)
// and in its framework (github.com/pulumi/pulumi-go-provider v1.3.0, infer/resource.go).
// The table in sandbox/README.md lists the differences.
package command

import (
	"context"

	"averazure/sandbox/plugin"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Plugin is the plugin `command` with its two types, for the project in dir.
func Plugin(dir string) *plugin.Plugin {
	return &plugin.Plugin{
		Name:    "command",
		Version: "1.2.1",
		Types: map[string]plugin.Type{
			"command:remote:CopyToRemote": copier{dir}.copyType(),
			"command:remote:Command": {
				Check:  check,
				Create: create,
				Update: update,
				Delete: remove,
				// infer.diff compares the engine's old inputs with the new ones, deeply.
				// It replaces on fields tagged replaceOnChanges; the SDK adds
				// triggers[*].
				Replaces: []string{"triggers"},
				// It compares secrets as secrets, so a script that becomes secret runs
				// again.
				SecretsCount: true,
				// The fields that CommandInputs and connectionBase tag as secret
				// (infer/apply_secrets.go). Any other output is secret if the input of
				// its name is, so stdout and stderr are plain text (infer/resource.go,
				// ensureDefaultSecrets).
				Secrets:        secretInputs,
				SecretsInLists: true,
			},
		},
	}
}

var secretInputs = []string{
	"connection", "connection.password", "connection.privateKey", "connection.privateKeyPassword",
	"connection.proxy.password", "connection.proxy.privateKey", "connection.proxy.privateKeyPassword",
}

func create(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
	id, err := resource.NewUniqueHex(urn.Name(), 8, 0)
	if err != nil {
		return "", nil, err
	}
	state := inputs.Copy()
	if preview {
		return id, unknownOutput(state), nil
	}
	state["stdout"], state["stderr"] = resource.NewStringProperty(""), resource.NewStringProperty("")
	if script, ok := text(inputs, "create"); ok {
		err = run(ctx, state, script)
	}
	return id, state, err
}

// update runs the update script, or else the create script, on any change. Without either
// it only records the inputs.
func update(ctx context.Context, _ resource.URN, _ string, _, old, news resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	state := news.Copy()
	if preview && !onlyAdded(inputsIn(old), news) {
		return unknownOutput(state), nil
	}
	state["stdout"], state["stderr"] = old["stdout"], old["stderr"]
	if preview {
		return state, nil
	}
	script, ok := text(news, "update")
	if !ok {
		script, ok = text(news, "create")
	}
	if !ok {
		return state, nil
	}
	return state, run(ctx, state, script)
}

// remove runs the recorded delete script on the recorded connection.
func remove(ctx context.Context, _ resource.URN, _ string, _, state resource.PropertyMap) error {
	script, ok := text(state, "delete")
	if !ok {
		return nil
	}
	return run(ctx, state.Copy(), script)
}

// unknownOutput is infer's state in a preview (markComputed): inputs are known, outputs
// are not.
func unknownOutput(state resource.PropertyMap) resource.PropertyMap {
	state["stdout"], state["stderr"] = plugin.Unknown(), plugin.Unknown()
	return state
}

// inputsIn are the inputs in a state.
func inputsIn(state resource.PropertyMap) resource.PropertyMap {
	inputs := state.Copy()
	delete(inputs, "stdout")
	delete(inputs, "stderr")
	return inputs
}

// onlyAdded tells whether the program only adds inputs. In a preview, infer then finds no
// changed input and takes the outputs as unchanged, although the script will run again.
func onlyAdded(old, news resource.PropertyMap) bool {
	diff := old.Diff(news)
	if diff == nil || len(diff.Adds) == 0 || len(diff.Deletes) > 0 || len(diff.Updates) > 0 {
		return false
	}
	for _, added := range diff.Adds {
		if added.IsComputed() {
			return false
		}
	}
	return true
}

func text(m resource.PropertyMap, key resource.PropertyKey) (string, bool) {
	if v, ok := m[key]; ok && v.IsString() {
		return v.StringValue(), true
	}
	return "", false
}

func number(m resource.PropertyMap, key resource.PropertyKey, otherwise float64) float64 {
	if v, ok := m[key]; ok && v.IsNumber() {
		return v.NumberValue()
	}
	return otherwise
}
