package main

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"gopkg.in/yaml.v3"

	"averazure/internal/golden"
	"averazure/internal/recorder"
	"averazure/internal/settings"
)

// declared is one key of Pulumi.yaml.
type declared struct {
	Type        string
	Default     any
	Description string
}

func declaredKeys(t testing.TB) map[string]declared {
	t.Helper()
	var project struct{ Config map[string]declared }
	readYAML(t, "Pulumi.yaml", &project)
	return project.Config
}

func readYAML(t testing.TB, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// shipped is the configuration that the engine makes of a shipped Pulumi.<stack>.yaml: with
// the project's defaults where it has no value, and with lists and objects as JSON.
func shipped(t testing.TB, stack string) map[string]string {
	t.Helper()
	var file struct{ Config map[string]any }
	readYAML(t, "Pulumi."+stack+".yaml", &file)
	values := map[string]string{}
	for key, d := range declaredKeys(t) {
		if d.Default != nil {
			values[settings.Name(key)] = engineText(t, d.Default)
		}
	}
	for key, value := range file.Config {
		values[key] = engineText(t, value)
	}
	values[settings.Name("registryToken")] = "token-of-the-registry"
	return values
}

func engineText(t testing.TB, value any) string {
	t.Helper()
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Name lookups are tested in infra, with prepared answers.
func init() { lookup = nil }

// record runs the program as it ships under the recorder.
func record(t testing.TB, config map[string]string, adapt func(*recorder.Recorder)) (*recorder.Recorder, error) {
	t.Helper()
	r := &recorder.Recorder{Config: config}
	for _, key := range secretKeys {
		r.SecretKeys = append(r.SecretKeys, settings.Name(key))
	}
	if adapt != nil {
		adapt(r)
	}
	for name, value := range map[string]any{pulumi.EnvConfig: r.Config, pulumi.EnvConfigSecretKeys: r.SecretKeys} {
		t.Setenv(name, engineText(t, value))
	}
	return r, r.Run(run)
}

// dates are in the names of credentials that are renewed by the calendar.
var dates = regexp.MustCompile(`\d{4}-\d{2}-\d{2}\b`)

func inventory(r *recorder.Recorder) string { return dates.ReplaceAllString(r.Inventory(), "DATE") }

// everyShipped checks each shipped configuration in an update and in a preview.
func everyShipped(t *testing.T, check func(t *testing.T, stack string, r *recorder.Recorder)) {
	for _, stack := range shippedStacks() {
		for mode, preview := range map[string]bool{"update": false, "preview": true} {
			t.Run(stack+" "+mode, func(t *testing.T) {
				r, err := record(t, shipped(t, stack), func(r *recorder.Recorder) { r.Preview = preview })
				if err != nil {
					t.Fatal(err)
				}
				check(t, stack, r)
			})
		}
	}
}

func TestShippedConfigurationsMakeTheirInventory(t *testing.T) {
	everyShipped(t, func(t *testing.T, stack string, r *recorder.Recorder) {
		golden.Compare(t, stack+".inventory", inventory(r))
	})
}
