package cluster_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/cluster"
	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// Only the command that takes a node out of the Swarm does anything on deletion. It runs on
// another node; if that node is deleted too, the command is deleted silently. It runs
// before the VM is rebuilt.
func TestRemovalRunsOnAnotherManager(t *testing.T) {
	r := record(t, 3, 1, false)
	for _, command := range r.OfType(drift.CommandType) {
		_, deletes := command.Inputs["delete"]
		if deletes != strings.HasSuffix(command.Name, "-member") {
			t.Errorf("%s: delete is %v", command.Name, recorder.At(command.Inputs, "delete"))
		}
	}
	for name, keeper := range map[string]string{
		"aver-manager": "aver-manager-2", "aver-manager-2": "aver-manager", "aver-manager-3": "aver-manager", "aver-worker-1": "aver-manager",
	} {
		member := r.Get(drift.CommandType, name+"-member")
		if with := resource.URN(member.Request.GetDeletedWith()).Name(); with != keeper {
			t.Errorf("%s is taken out by %s, want %s", name, with, keeper)
		}
		if !member.Request.GetDeleteBeforeReplace() {
			t.Errorf("%s: the old membership must go before the new one comes", name)
		}
		if remove := recorder.At(member.Inputs, "delete").(string); !strings.Contains(remove, "'"+name+"' 'remove' 'id-"+name) {
			t.Errorf("%s: %s", name, remove)
		}
	}
}

// If another manager is the door, commands for the whole Swarm run there, and the first
// manager runs only what is about itself. Commands about the first manager run where they
// always did: after the switch, no command may wait for that manager to be ready.
func TestDoorActsForTheSwarm(t *testing.T) {
	addresses := map[string]string{"aver-manager": "203.0.113.10", "aver-manager-2": "203.0.113.11", "aver-manager-3": "203.0.113.12"}
	for door, keepers := range map[string]map[string]string{
		"":               {"aver-manager": "aver-manager-2", "aver-manager-2": "aver-manager", "aver-manager-3": "aver-manager"},
		"aver-manager-2": {"aver-manager": "aver-manager-2", "aver-manager-2": "aver-manager-3", "aver-manager-3": "aver-manager-2"},
		"aver-manager-3": {"aver-manager": "aver-manager-2", "aver-manager-2": "aver-manager-3", "aver-manager-3": "aver-manager-2"},
	} {
		r := &recorder.Recorder{Answers: answers()}
		if err := r.Run(program(3, 1, func(a *cluster.Args) { a.Door = door })); err != nil {
			t.Fatal(err)
		}
		acts := cmp.Or(door, "aver-manager")
		want := map[string]string{"aver-secrets": acts, "aver-worker-1-member": acts, "aver-manager-init": "aver-manager"}
		for node, keeper := range keepers {
			want[node+"-member"] = keeper
		}
		for name, on := range want {
			if got := recorder.At(r.Get(drift.CommandType, name).Inputs, "connection.host"); got != addresses[on] {
				t.Errorf("door %q: %s runs on %v, want %s", door, name, got, on)
			}
		}
		if got := recorder.At(r.Exports(), "deploysOn"); got != acts {
			t.Errorf("door %q: %v deploys", door, got)
		}
	}
}

// Commands on a manager that does not answer stay as they are, and no other commands do.
// When its VM is rebuilt, they run there all the same. The records about the door are not
// kept on a silent manager.
func TestASilentManagerIsLeftAsItIs(t *testing.T) {
	r := &recorder.Recorder{Answers: answers()}
	if err := r.Run(program(5, 1, func(a *cluster.Args) {
		a.Door, a.Hosts[0].Silent, a.Hosts[1].Silent = "aver-manager-3", true, true
	})); err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, made := range append(r.OfType(drift.CommandType), r.OfType("command:remote:CopyToRemote")...) {
		on := recorder.At(made.Inputs, "connection.host")
		silent := on == "203.0.113.10" || on == "203.0.113.11"
		ignored := made.Request.GetIgnoreChanges()
		if silent != slices.Contains(ignored, "connection") || slices.Contains(ignored, "triggers") {
			t.Errorf("%s on %s: ignores %v", made.Name, on, ignored)
		}
		if len(ignored) > 0 {
			left++
		}
	}
	if left != 2*7+1 { // of each: prepare, upload, stackctl, init or join, back, settings, resume; and a rejoin
		t.Errorf("%d commands are left as they are", left)
	}
	for name, want := range map[string]string{"aver-manager": "203.0.113.12", "aver-manager-2": "203.0.113.12", "aver-manager-3": "203.0.113.13"} {
		if got := recorder.At(r.Get(drift.CommandType, name+"-member").Inputs, "connection.host"); got != want {
			t.Errorf("the membership of %s is kept on %v, want %s", name, got, want)
		}
	}
}

// No other manager takes a sole manager out: it is deleted together with its Swarm.
func TestSoleManagerLeavesByItself(t *testing.T) {
	member := record(t, 1, 0, false).Get(drift.CommandType, "aver-manager-member")
	if with := resource.URN(member.Request.GetDeletedWith()).Name(); with != "aver-manager" {
		t.Errorf("deleted with %s", with)
	}
}

func TestDeploymentWaitsForEverything(t *testing.T) {
	r := record(t, 1, 2, false)
	// The VM, stackctl, three memberships, three that are back, three settings, the secrets.
	if needs := recorder.At(r.Exports(), "needs"); needs != float64(12) {
		t.Errorf("the manager needs %v resources", needs)
	}
}

// Every manager gets the program, for its own VM, before it is installed; a
// rebuilt VM gets it again.
func TestProgramComesBeforeItsInstallation(t *testing.T) {
	const uploadType = "command:remote:CopyToRemote"
	r := record(t, 3, 1, false)
	if got := len(r.OfType(uploadType)); got != 3 {
		t.Errorf("%d managers get the program", got)
	}
	for i, name := range []string{"aver-manager", "aver-manager-2", "aver-manager-3"} {
		sent := r.Get(uploadType, name+"-upload")
		source, ok := sent.Inputs["source"]
		if !ok || !source.IsAsset() || source.AssetValue().Path != "testdata/one-manager.txt" {
			t.Errorf("%s: the source is %v", name, source)
		}
		if trigger := recorder.At(sent.Inputs, "triggers.0"); trigger != fmt.Sprintf("vm-%d", i) || resource.URN(sent.Request.GetDeletedWith()).Name() != name {
			t.Errorf("%s: trigger %v, deleted with %s", name, trigger, sent.Request.GetDeletedWith())
		}
		installed := r.Get(drift.CommandType, name+"-stackctl")
		if !slices.Contains(installed.Request.GetDependencies(), sent.URN) || !strings.Contains(recorder.At(installed.Inputs, "stdin").(string), `"sha256":"c0ffee"`) {
			t.Errorf("%s: it is installed without waiting for the copy, or without its checksum", name)
		}
	}
}

// recordWith records three managers and a worker, after a run that left these resources.
func recordWith(t *testing.T, left ...string) *recorder.Recorder {
	t.Helper()
	r := &recorder.Recorder{Answers: answers()}
	if err := r.Run(program(3, 1, func(a *cluster.Args) { a.Drift = drift.HavingMade(left...) })); err != nil {
		t.Fatal(err)
	}
	return r
}

// The Docker of a new node starts with its settings, so it does not restart for them.
func TestNewNodesWaitForNoOthersSettings(t *testing.T) {
	const first, second, third, worker, secrets = "aver-manager-settings", "aver-manager-2-settings", "aver-manager-3-settings", "aver-worker-1-settings", "aver-secrets"
	for _, test := range []struct {
		left  []string
		waits map[string]bool // step and whose settings it waits for
	}{
		{nil, map[string]bool{second + first: false, third + second: false, worker + third: false, secrets + first: false, secrets + worker: false}},
		{[]string{"aver-manager-prepare", "aver-manager-2-prepare"}, map[string]bool{
			second + first: true, third + second: false, worker + second: false, worker + third: false,
			secrets + first: true, secrets + second: true, secrets + third: true, secrets + worker: true,
		}},
	} {
		r := recordWith(t, test.left...)
		for _, step := range []string{second, third, worker, secrets} {
			for _, of := range []string{first, second, third, worker} {
				resume := r.Get(drift.CommandType, strings.Replace(of, "-settings", "-resume", 1)).URN
				got := slices.Contains(r.Get(drift.CommandType, step).Request.GetDependencies(), resume)
				if want, known := test.waits[step+of]; known && got != want {
					t.Errorf("with %q, %s waits for %s: %v", test.left, step, of, got)
				}
			}
		}
	}
}

// Docker restarts on one node at a time, when everything is in the Swarm, and
// before the secrets are stored.
func TestSettingsGoFromNodeToNode(t *testing.T) {
	r := recordWith(t, "aver-manager-prepare", "aver-manager-2-prepare", "aver-manager-3-prepare", "aver-worker-1-prepare")
	chain := []string{"aver-manager-stackctl", "aver-manager-settings", "aver-manager-resume", "aver-manager-2-settings", "aver-manager-2-resume",
		"aver-manager-3-settings", "aver-manager-3-resume", "aver-worker-1-settings", "aver-worker-1-resume", "aver-secrets"}
	for i, name := range chain[1:] {
		before := r.Get(drift.CommandType, chain[i]).URN
		if got := r.Get(drift.CommandType, name).Request.GetDependencies(); !slices.Contains(got, before) {
			t.Errorf("%s does not wait for %s, but for %v", name, chain[i], got)
		}
	}
	for _, node := range []string{"aver-manager", "aver-manager-3", "aver-worker-1"} {
		if got := r.Get(drift.CommandType, node+"-settings").Request.GetDependencies(); !slices.Contains(got, r.Get(drift.CommandType, node+"-member").URN) {
			t.Errorf("the settings of %s do not wait for it to be in the Swarm", node)
		}
		settings, resume := r.Get(drift.CommandType, node+"-settings"), r.Get(drift.CommandType, node+"-resume")
		if hooks := settings.Request.GetHooks().GetBeforeUpdate(); len(hooks) != 1 {
			t.Errorf("%s is not drained before: its hooks are %v", node, hooks)
		}
		if _, creates := resume.Inputs["create"]; creates || !strings.Contains(recorder.At(resume.Inputs, "update").(string), "'"+node+"' 'back' 'id-"+node) {
			t.Errorf("%s takes tasks again by %v", node, resume.Inputs)
		}
		on := "203.0.113.10"
		if node == "aver-manager-3" {
			on = "203.0.113.12"
		}
		if got := recorder.At(resume.Inputs, "connection.host"); got != on {
			t.Errorf("%s takes tasks again by what runs on %v", node, got)
		}
	}
}
