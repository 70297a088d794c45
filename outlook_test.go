package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/golden"
	"averazure/internal/recorder"
)

// leftBy is the state that a run leaves, with managers that cannot be reached.
func leftBy(r *recorder.Recorder) resource.PropertyMap {
	state := resource.PropertyMap{}
	note := func(urn string, outputs resource.PropertyMap) {
		state[resource.PropertyKey(urn)] = resource.NewProperty(resource.PropertyMap{"outputs": resource.NewProperty(outputs)})
	}
	for _, one := range r.Resources() {
		outputs := one.Outputs
		if !one.Request.GetCustom() {
			outputs = r.ComponentOutputs(one.URN)
		}
		note(one.URN, outputs)
	}
	exports := r.Exports().Copy()
	exports["nodes"] = resource.NewProperty([]resource.PropertyValue{resource.NewProperty(resource.NewPropertyMapFromMap(map[string]any{
		"name": "aver-manager", "role": "manager", "publicAddress": "", "hostKey": "none",
	}))})
	note("urn:pulumi:test::averazure::pulumi:pulumi:Stack::averazure-test", exports)
	return state
}

// TestAPreviewSaysWhatWouldChangeWithoutAWayToTheManagers checks a preview that cannot
// reach the managers, such as that of a pull request on a runner that sshCidrs does not
// allow. It reports what would change, and nothing where nothing would.
func TestAPreviewSaysWhatWouldChangeWithoutAWayToTheManagers(t *testing.T) {
	config := shipped(t, "dev")
	config["averazure:appContext"] = ""
	up, err := record(t, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(t.TempDir(), "more.yml")
	if err := os.WriteFile(more, []byte("services:\n  api: {deploy: {replicas: 4}}\n  hello: {image: 'hello:1', networks: [net], ports: ['9090:80']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]map[string]string{
		"nothing": nil,
		"much": {
			"stackFiles": engineText(t, []string{"repos/stack-repo/stack.yml", more}), "publicPorts": "[80, 443, 9090]", "secrets": `{"db": "the-value-of-it"}`,
		},
	} {
		changed := shipped(t, "dev")
		changed["averazure:appContext"] = ""
		for key, value := range change {
			changed["averazure:"+key] = value
		}
		r, err := record(t, changed, func(r *recorder.Recorder) { r.Preview, r.State = true, leftBy(up) })
		if err != nil {
			t.Fatal(err)
		}
		lines := r.Told()
		slices.Sort(lines)
		switch {
		case change != nil:
			golden.Compare(t, "preview.txt", strings.Join(lines, "\n")+"\n")
		case len(lines) > 0:
			t.Errorf("%s changes, and a preview says\n%s", name, strings.Join(lines, "\n"))
		}
		if leaks := strings.Join(r.Logs(), "\n"); strings.Contains(leaks, "the-value-of-it") {
			t.Error("a value is said")
		}
	}
}
