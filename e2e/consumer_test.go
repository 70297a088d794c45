package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"averazure/sandbox/workspace"
)

// TestAnotherProgramReadsTheOutputs runs examples/consumer with the real engine
// against the state in which the sandbox's stack is.
func TestAnotherProgramReadsTheOutputs(t *testing.T) {
	consumer := newConsumer(t)
	consumer("stack", "init", "--no-select")
	t.Cleanup(func() { consumer("stack", "rm", "--yes", "--force", "--preserve-config") })
	consumer("config", "set", "stack", "organization/averazure/sandbox")
	consumer("up", "--yes", "--suppress-permalink=true")
	consumer("preview", "--expect-no-changes")

	var got map[string]string
	if err := json.Unmarshal([]byte(consumer("stack", "output", "--json", "--show-secrets")), &got); err != nil {
		t.Fatal(err)
	}
	o := box.outputs(t)
	if got["health"] != o.APIURL+"/healthz" || got["deployKey"] != o.DeployPrivateKey {
		t.Errorf("the consumer has %s and a key of %d bytes, want %s/healthz and %d bytes",
			got["health"], len(got["deployKey"]), o.APIURL, len(o.DeployPrivateKey))
	}
	masked := consumer("stack", "output")
	if found := reveal(secretValues(t), masked+consumer("stack", "export")); len(found) > 0 || !strings.Contains(masked, "[secret]") {
		t.Errorf("what is a secret there is none here: %v in\n%s", found, masked)
	}
}

// newConsumer returns a function that runs the Pulumi CLI in examples/consumer, with the
// test's own configuration file.
func newConsumer(t *testing.T) func(args ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	w, err := workspace.Open(t.Context(), workspace.Options{
		ProjectDir: box.project, StateDir: box.stateDir(), CacheDir: filepath.Join(cache, "averazure-sandbox"),
		Stack: "e2e-consumer", Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	// `stack init` writes its salt beside the project, whichever file is named.
	file := filepath.Join(box.project, "examples", "consumer", "Pulumi.e2e-consumer.yaml")
	t.Cleanup(func() { os.Remove(file) })
	env := []string{"PULUMI_OPTION_CONFIG_FILE=" + filepath.Join(t.TempDir(), "Pulumi.e2e-consumer.yaml")}
	return func(args ...string) string {
		t.Helper()
		var complaints strings.Builder
		cmd := w.Pulumi(context.Background(), env, args...) // also after the test's end
		cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = filepath.Join(box.project, "examples", "consumer"), nil, nil, &complaints
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("pulumi %s: %v\n%s%s", args[0], err, out, complaints.String())
		}
		return string(out)
	}
}
