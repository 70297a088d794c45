package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/golden"
	"averazure/internal/recorder"
)

// TestTheProgramMakesItsGraph checks the file from which docs/graph.svg is drawn (`make
// docs`).
func TestTheProgramMakesItsGraph(t *testing.T) {
	r, err := record(t, shipped(t, "sandbox"), nil)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "sandbox.graph", dates.ReplaceAllString(r.Graph(), "DATE"))
}

// outputs are all outputs of the Pulumi stack. docs/outputs.md says who reads them. Others
// rely on their names, and on the other outputs not being secret.
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

// TestAProblemIsReportedUnchanged checks that a problem is shown as it is, and not below
// "an unhandled error occurred".
func TestAProblemIsReportedUnchanged(t *testing.T) {
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

// TestAWarningIsGivenOnce checks that a warning comes in the first run that concerns its
// subject, and not in a run that changes something else.
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

// TestEveryCommandExplainsAFailedConnection checks every command, since nodes are reached
// in no other way.
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

// A node is drained only after it was reached. Otherwise a node whose command then fails
// would stay drained.
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

func ptr[T any](v T) *T { return &v }

// In a Pulumi stack that was made before this program knew zones, as the engine's state
// shows, no VM is replaced unless the settings file names zones.
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
