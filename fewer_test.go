package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/recorder"
)

// The program asks about nodes that the state has and the configuration no longer does;
// internal/drift has the tests of what it makes of the answer. Here nobody answers.
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
