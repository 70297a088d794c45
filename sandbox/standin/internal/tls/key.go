// Package tls emulates the resource tls:index/privateKey:PrivateKey of the Pulumi plugin
// `tls` 5, for machines that cannot install it. Its behaviour was read in the provider
// behind the original (github.com/hashicorp/terraform-provider-tls,
// internal/provider/resource_private_key.go and common_key.go).
package tls

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"averazure/sandbox/plugin"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Plugin is the plugin `tls` with its one type.
func Plugin() *plugin.Plugin {
	return &plugin.Plugin{
		Name:    "tls",
		Version: "5.2.2",
		Types: map[string]plugin.Type{
			"tls:index/privateKey:PrivateKey": {
				Check:  check,
				Create: create,
				Diff:   diff,
				// Every input is RequiresReplace. The id is the hash of the public key,
				// so there is nothing to read or delete.
				Secrets: []string{"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"},
			},
		},
	}
}

var (
	algorithms = []string{"RSA", "ECDSA", "ED25519"}
	curves     = []string{"P224", "P256", "P384", "P521"}
)

func check(_ context.Context, _ resource.URN, _, news resource.PropertyMap) (resource.PropertyMap, []plugin.Failure, error) {
	var failures []plugin.Failure
	if algorithm, ok := news["algorithm"]; !ok || algorithm.IsNull() {
		failures = append(failures, plugin.Failure{Property: "algorithm", Reason: "Missing required property 'algorithm'"})
	} else {
		failures = append(failures, oneOf(news, "algorithm", algorithms)...)
	}
	return news, append(failures, oneOf(news, "ecdsaCurve", curves)...), nil
}

func oneOf(m resource.PropertyMap, key resource.PropertyKey, allowed []string) []plugin.Failure {
	v, ok := m[key]
	if !ok || !v.IsString() || slices.Contains(allowed, v.StringValue()) {
		return nil
	}
	return []plugin.Failure{{Property: string(key), Reason: fmt.Sprintf("value must be one of: %s, got: %q",
		strings.Join(allowed, ", "), v.StringValue())}}
}

// diff completes the inputs with their defaults and compares them with the recorded state.
// So an input that is set to its default does not cause a new key.
func diff(_ context.Context, _ resource.URN, _ string, _, state, news resource.PropertyMap) (plugin.Diff, error) {
	rules := plugin.Type{Replaces: []string{"algorithm", "rsaBits", "ecdsaCurve"}}
	recorded := resource.PropertyMap{}
	for _, key := range rules.Replaces {
		recorded[resource.PropertyKey(key)] = state[resource.PropertyKey(key)]
	}
	return rules.Compare(recorded, withDefaults(news)), nil
}

func withDefaults(inputs resource.PropertyMap) resource.PropertyMap {
	state := inputs.Copy()
	for key, value := range map[resource.PropertyKey]resource.PropertyValue{
		"rsaBits":    resource.NewNumberProperty(2048),
		"ecdsaCurve": resource.NewStringProperty("P224"),
	} {
		if v, ok := state[key]; !ok || v.IsNull() {
			state[key] = value
		}
	}
	return state
}

// create generates the key pair. A preview returns only the inputs.
func create(_ context.Context, _ resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
	state := withDefaults(inputs)
	if preview {
		for _, key := range outputs {
			state[key] = plugin.Unknown()
		}
		return "", state, nil
	}
	pair, err := generate(state["algorithm"].StringValue(), int(state["rsaBits"].NumberValue()), state["ecdsaCurve"].StringValue())
	if err != nil {
		return "", nil, err
	}
	values, err := pair.encode()
	if err != nil {
		return "", nil, err
	}
	for _, key := range outputs {
		state[key] = resource.NewStringProperty(values[key])
	}
	return id(pair.der), state, nil
}

// id is the original's hashForState. It trims the key as if it were text: about one key
// in forty ends in a byte that counts as space.
func id(der []byte) string {
	sum := sha1.Sum(bytes.TrimSpace(der))
	return hex.EncodeToString(sum[:])
}
