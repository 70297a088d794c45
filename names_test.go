package main

import (
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/recorder"
)

// secretNames returns the versioned names under which the secrets are stored and deployed,
// for a Pulumi stack with the given state. The key named other has another value.
func secretNames(t *testing.T, state resource.PropertyMap, other string) []string {
	t.Helper()
	r, err := record(t, shipped(t, "dev"), func(r *recorder.Recorder) {
		r.State = state
		r.Answers = map[string]recorder.Answer{"tls:index/privateKey:PrivateKey": func(r *recorder.Resource) resource.PropertyMap {
			key := "the key of " + r.Name
			if r.Name == other {
				key = "another one"
			}
			return resource.PropertyMap{"privateKeyOpenssh": resource.NewProperty(key)}
		}}
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, component := range r.OfType("averazure:cluster:Cluster") {
		for _, version := range r.ComponentOutputs(component.URN)["secrets"].ObjectValue() {
			names = append(names, version.StringValue())
		}
	}
	slices.Sort(names)
	if len(names) != 3 {
		t.Fatalf("the secrets are %q", names)
	}
	return names
}

// A new SSH key must not rename the secrets. That would update every service that has one.
func TestNewAdminKeyRenamesNoSecret(t *testing.T) {
	before := secretNames(t, nil, "")
	if after := secretNames(t, nil, "aver-admin-key"); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
	if after := secretNames(t, nil, "aver-names-key"); slices.Equal(before, after) {
		t.Errorf("%q are not keyed", after)
	}
}

// The first update with this program keeps the secrets' names of an older Pulumi stack: the
// names in the Swarm, which are keyed with the admin key.
func TestUpgradeRenamesNoSecret(t *testing.T) {
	const command = "command:remote:Command"
	state := resource.NewPropertyMapFromMap(map[string]any{
		"urn:pulumi:test::averazure::averazure:cluster:Cluster$" + command + "::aver-secrets": map[string]any{"type": command, "outputs": map[string]any{}},
	})
	before := secretNames(t, state, "")
	if after := secretNames(t, state, "aver-names-key"); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
	if after := secretNames(t, state, "aver-admin-key"); slices.Equal(before, after) {
		t.Errorf("%q are not keyed with the admin key", after)
	}
}
