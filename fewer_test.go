package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/recorder"
)

// The program asks the managers about nodes that are in the state but not in the
// configuration any more. Here no manager answers; the tests of internal/drift check how
// answers are used.
func TestTheProgramAsksAboutNodesThatGo(t *testing.T) {
	const vm = "azure-native:compute/v20230301:VirtualMachine"
	for name, going := range map[string]bool{"aver-worker-1": false, "aver-worker-9": true} {
		state := resource.NewPropertyMapFromMap(map[string]any{
			"urn:pulumi:test::averazure::averazure:infra:Infra$" + vm + "::" + name: map[string]any{"type": vm, "outputs": map[string]any{"name": name}},
		})
		r, err := record(t, shipped(t, "dev"), func(r *recorder.Recorder) { r.State = state })
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(r.Logs(), func(line string) bool {
			return strings.HasPrefix(line, "warning: averazure:") && strings.Contains(line, ": "+name+" ")
		})
		if said != going {
			t.Errorf("%s: %q", name, r.Logs())
		}
	}
}
