package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"gopkg.in/yaml.v3"

	"averazure/cluster"
	"averazure/delivery"
	"averazure/infra"
	"averazure/internal/names"
	"averazure/internal/recorder"
	"averazure/internal/registry"
	"averazure/internal/settings"
	"averazure/stack"
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

// shipped is what the engine makes of a shipped Pulumi.<stack>.yaml: the
// project's defaults under it, lists and objects as JSON.
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

// Names are looked up in the tests of infra, with answers of their own.
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
		recorder.Golden(t, stack+".inventory", inventory(r))
	})
}

// TestTheProgramMakesItsGraph: docs/graph.svg is drawn from the file (`make docs`).
func TestTheProgramMakesItsGraph(t *testing.T) {
	r, err := record(t, shipped(t, "sandbox"), nil)
	if err != nil {
		t.Fatal(err)
	}
	recorder.Golden(t, "sandbox.graph", dates.ReplaceAllString(r.Graph(), "DATE"))
}

// outputs are all of the stack's, for which docs/outputs.md says who reads them;
// others rely on the names, and on nothing else being secret.
var (
	secretOutputs = strings.Fields("adminPrivateKey backupPrivateKey deployPrivateKey registryToken")
	openOutputs   = strings.Fields(`managerIp managers entryAddress entryName sshUser managerHostKey deployUser ageRecipient nodes apiUrl stackName image imageDigest appService
		registryServer registryUsername storageAccount backupContainer keyVaultUri functionHost tenantId clientId deployerClientId subscriptionId`)
)

func TestOutputsHaveTheirNamesAndSecrecy(t *testing.T) {
	everyShipped(t, func(t *testing.T, _ string, r *recorder.Recorder) {
		var secret, open []string
		for name, value := range r.Exports() {
			if value.ContainsSecrets() {
				secret = append(secret, string(name))
			} else {
				open = append(open, string(name))
			}
		}
		for _, list := range []struct{ got, want []string }{{secret, secretOutputs}, {open, openOutputs}} {
			slices.Sort(list.got)
			if want := slices.Sorted(slices.Values(list.want)); !slices.Equal(list.got, want) {
				t.Errorf("outputs\n%q, want\n%q", list.got, want)
			}
		}
	})
}

// TestAProblemIsToldAsItIs: not below "an unhandled error occurred".
func TestAProblemIsToldAsItIs(t *testing.T) {
	for _, problem := range []error{errors.New("the configuration has 1 problem:\naverazure:workers: many"), nil} {
		r, told, want := &recorder.Recorder{}, false, []string(nil)
		if problem != nil {
			want = []string{"error: " + problem.Error()}
		}
		err := r.Run(tell(func(*pulumi.Context) error { return problem }, &told))
		if (err != nil) != (problem != nil) || told != (problem != nil) || !slices.Equal(r.Logs(), want) {
			t.Errorf("it ends with %v, told %v: %q, want %q", err, told, r.Logs(), want)
		}
	}
}

// TestAWarningIsGivenOnce: by the first run of what it is about, and not by one that
// changes something else.
func TestAWarningIsGivenOnce(t *testing.T) {
	const doubt = "averazure:sshCidrs: 0.0.0.0/0 "
	const urn = "urn:pulumi:test::averazure::averazure:stack:Stack::aver"
	config := shipped(t, "dev")
	config["averazure:sshCidrs"], config["averazure:workers"] = `["0.0.0.0/0"]`, "2"
	file := filepath.Join(t.TempDir(), "stack.yml")
	if err := os.WriteFile(file, []byte("services: {api: {image: x/y, container_name: one}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config["averazure:stackFiles"] = engineText(t, []string{file})
	warned := func(r *recorder.Recorder) (found []string) {
		for _, log := range r.Logs() {
			if strings.HasPrefix(log, "warning: ") {
				found = append(found, log)
			}
		}
		return found
	}
	before, err := record(t, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(warned(before), "\n")
	if !strings.Contains(all, doubt) || !strings.Contains(all, "container_name") {
		t.Fatalf("the first run warns of\n%s", all)
	}
	var kept resource.PropertyMap
	for _, one := range before.Resources() {
		if one.Type == "averazure:stack:Stack" {
			kept = before.ComponentOutputs(one.URN)
		}
	}
	state := resource.PropertyMap{urn: resource.NewProperty(resource.PropertyMap{
		"type": resource.NewProperty("averazure:stack:Stack"), "outputs": resource.NewProperty(kept)})}
	config["averazure:workers"] = "3"
	after, err := record(t, config, func(r *recorder.Recorder) { r.State = state })
	if err != nil || len(warned(after)) > 0 {
		t.Errorf("another change warns of what was so before: %q, %v", warned(after), err)
	}
	config["averazure:adminCidrs"] = "[]"
	config["averazure:publicPorts"], config["averazure:sshCidrs"] = "[8080]", `["203.0.113.0/24"]`
	changed, err := record(t, config, func(r *recorder.Recorder) { r.State = state })
	if got := warned(changed); err != nil || len(got) != 1 || !strings.Contains(got[0], "203.0.113.0/24") {
		t.Errorf("the change warns of %q, %v", got, err)
	}
}

func TestEveryKindOfResourceCanFail(t *testing.T) {
	r, err := record(t, shipped(t, "dev"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range r.Types() {
		t.Run(kind, func(t *testing.T) {
			_, err := record(t, shipped(t, "dev"), func(r *recorder.Recorder) { r.Fail = kind })
			if err == nil {
				t.Error("the program went on as if nothing had happened")
			}
		})
	}
}

// TestEveryCommandExplainsAFailedConnection: no node is reached in another way.
func TestEveryCommandExplainsAFailedConnection(t *testing.T) {
	everyShipped(t, func(t *testing.T, _ string, r *recorder.Recorder) {
		commands := r.OfType("command:remote:Command")
		for _, command := range commands {
			if len(command.Request.GetHooks().GetOnError()) == 0 {
				t.Errorf("%s would fail without a word about its node", command.Name)
			}
		}
		if len(commands) == 0 {
			t.Error("there are no commands")
		}
	})
}

// Nothing is drained for a command that then does not reach its node: it would stay so.
func TestNodesAreReachedBeforeTheyAreDrained(t *testing.T) {
	everyShipped(t, func(t *testing.T, _ string, r *recorder.Recorder) {
		drained := 0
		for _, command := range r.OfType("command:remote:Command") {
			hooks := command.Request.GetHooks().GetBeforeUpdate()
			if len(hooks) == 0 || !strings.HasPrefix(hooks[0], "reach ") {
				t.Errorf("%s: before an update come %v", command.Name, hooks)
			}
			if len(hooks) > 1 {
				drained++
			}
		}
		if drained == 0 {
			t.Error("no command has its node drained")
		}
	})
}

// TestProjectDeclaresWhatTheLayersRead keeps Pulumi.yaml and the Config
// structs from drifting apart: the same keys, the same defaults.
func TestProjectDeclaresWhatTheLayersRead(t *testing.T) {
	keys := declaredKeys(t)
	defaults := map[string]string{}
	for key, d := range keys {
		if d.Description == "" || d.Type == "" {
			t.Errorf("%s has no type or no sentence", key)
		}
		if d.Default != nil {
			defaults[settings.Name(key)] = engineText(t, d.Default)
		}
	}
	set := settings.Parse(defaults)
	set.Known(secretKeys...)
	for _, pair := range []struct{ empty, want any }{
		{&infra.Config{}, ptr(infra.Defaults())}, {&cluster.Config{}, ptr(cluster.Defaults())},
		{&stack.Config{}, ptr(stack.Defaults())}, {&delivery.Config{}, ptr(delivery.Defaults())},
		{&registry.Config{}, ptr(registry.Defaults())},
	} {
		if problems := set.Fill(pair.empty); len(problems) > 0 {
			t.Error(problems)
		}
		compareFields(t, reflect.ValueOf(pair.empty).Elem(), reflect.ValueOf(pair.want).Elem(), slices.Collect(maps.Keys(keys)))
	}
	for _, problem := range set.Unknown() {
		t.Errorf("Pulumi.yaml declares what nobody reads: %v", problem)
	}
}

func compareFields(t *testing.T, fromProject, fromCode reflect.Value, keys []string) {
	t.Helper()
	for i := range fromCode.NumField() {
		key := settings.Key(fromCode.Type().Field(i).Name)
		if !slices.Contains(keys, key) {
			t.Errorf("Pulumi.yaml does not declare %s", key)
		}
		a, b := fromProject.Field(i), fromCode.Field(i)
		bothEmpty := (a.Kind() == reflect.Slice || a.Kind() == reflect.Map) && a.Len() == 0 && b.Len() == 0
		if !bothEmpty && !reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("default of %s: Pulumi.yaml says %v, the code %v", key, a.Interface(), b.Interface())
		}
	}
}

func ptr[T any](v T) *T { return &v }

// A stack that was made before this program knew zones, as the engine's state has it: no
// VM is replaced unless the settings file names zones.
func TestZonesOfAStackFromBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Pulumi.test.yaml")
	t.Setenv("PULUMI_OPTION_CONFIG_FILE", file)
	const vm = "azure-native:compute/v20230301:VirtualMachine"
	state := resource.NewPropertyMapFromMap(map[string]any{
		"urn:pulumi:test::averazure::averazure:infra:Infra$" + vm + "::aver-manager": map[string]any{"type": vm, "outputs": map[string]any{"name": "aver-manager"}},
	})
	for content, want := range map[string]any{"config: {}\n": nil, "config:\n  averazure:zones: [1, 2, 3]\n": "1"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := record(t, shipped(t, "dev"), func(r *recorder.Recorder) { r.State = state })
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{"aver-manager": want, "aver-worker-1": "1"} {
			if got := recorder.At(r.Get(vm, name).Inputs, "zones.0"); got != want {
				t.Errorf("%s: %s is in zone %v, want %v", content, name, got, want)
			}
		}
	}
}

// Messages name keys; a key that is renamed must be renamed in them too.
func TestMessagesNameKeysThatExist(t *testing.T) {
	keys := declaredKeys(t)
	named := regexp.MustCompile(`\b` + names.Project + `:([a-z][A-Za-z]*)\b[^:]`)
	for _, dir := range []string{".", "infra", "cluster", "stack", "delivery", "internal/host", "internal/drift", "internal/ports", "internal/registry", "internal/stackfile", "cmd/setup"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range named.FindAllStringSubmatch(string(text), -1) {
				if _, ok := keys[found[1]]; !ok && !strings.HasSuffix(file, "_test.go") {
					t.Errorf("%s names %s, and Pulumi.yaml has no such key", file, settings.Name(found[1]))
				}
			}
		}
	}
}
