package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/cluster"
	"averazure/internal/recorder"
)

// Only taking a node out of the Swarm does anything on deletion. It runs on
// another node, with which it would be deleted silently, and before the machine
// is built anew.
func TestRemovalRunsOnAnotherManager(t *testing.T) {
	r := record(t, 3, 1, false)
	for _, command := range r.OfType(commandType) {
		_, deletes := command.Inputs["delete"]
		if deletes != strings.HasSuffix(command.Name, "-member") {
			t.Errorf("%s: delete is %v", command.Name, recorder.At(command.Inputs, "delete"))
		}
	}
	for name, keeper := range map[string]string{
		"aver-manager": "aver-manager-2", "aver-manager-2": "aver-manager", "aver-manager-3": "aver-manager", "aver-worker-1": "aver-manager",
	} {
		member := r.Get(commandType, name+"-member")
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

// With another door, what concerns the whole Swarm runs there, and nothing of it on a
// first manager that is away, save what is about the door itself and ran there before.
func TestDoorActsForTheSwarm(t *testing.T) {
	r := &recorder.Recorder{Answers: answers()}
	if err := r.Run(program(3, 1, func(a *cluster.Args) { a.Door = "aver-manager-2" })); err != nil {
		t.Fatal(err)
	}
	on := func(name string) any { return recorder.At(r.Get(commandType, name).Inputs, "connection.host") }
	const first, door = "203.0.113.10", "203.0.113.11"
	for name, want := range map[string]string{
		"aver-secrets": door, "aver-manager-member": door, "aver-manager-3-member": door, "aver-worker-1-member": door,
		"aver-manager-2-member": first, "aver-manager-init": first,
	} {
		if got := on(name); got != want {
			t.Errorf("%s runs on %v, want %s", name, got, want)
		}
	}
	if got := recorder.At(r.Exports(), "deploysOn"); got != "aver-manager-2" {
		t.Errorf("%v deploys", got)
	}
}

// A sole manager is taken out by nobody: it goes with its Swarm.
func TestSoleManagerGoesWithItself(t *testing.T) {
	member := record(t, 1, 0, false).Get(commandType, "aver-manager-member")
	if with := resource.URN(member.Request.GetDeletedWith()).Name(); with != "aver-manager" {
		t.Errorf("deleted with %s", with)
	}
}

func TestDeploymentWaitsForEverything(t *testing.T) {
	r := record(t, 1, 2, false)
	// The machine, stackctl, three memberships, the last of the settings, the secrets.
	if needs := recorder.At(r.Exports(), "needs"); needs != float64(7) {
		t.Errorf("the manager needs %v resources", needs)
	}
}

// Every manager gets the program, its own machine's, before it is installed; a
// rebuilt machine gets it again.
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
		installed := r.Get(commandType, name+"-stackctl")
		if !slices.Contains(installed.Request.GetDependencies(), sent.URN) || !strings.Contains(recorder.At(installed.Inputs, "stdin").(string), `"sha256":"c0ffee"`) {
			t.Errorf("%s: it is installed without waiting for the copy, or without its checksum", name)
		}
	}
}

// Docker restarts on one node at a time, when everything is in the Swarm, and
// before the secrets are stored.
func TestSettingsGoFromNodeToNode(t *testing.T) {
	r := record(t, 3, 1, false)
	chain := []string{"aver-manager-stackctl", "aver-manager-settings", "aver-manager-2-settings", "aver-manager-3-settings", "aver-worker-1-settings", "aver-secrets"}
	for i, name := range chain[1:] {
		before := r.Get(commandType, chain[i]).URN
		if got := r.Get(commandType, name).Request.GetDependencies(); !slices.Contains(got, before) {
			t.Errorf("%s does not wait for %s, but for %v", name, chain[i], got)
		}
	}
	for _, node := range []string{"aver-manager", "aver-manager-3", "aver-worker-1"} {
		if got := r.Get(commandType, node+"-settings").Request.GetDependencies(); !slices.Contains(got, r.Get(commandType, node+"-member").URN) {
			t.Errorf("the settings of %s do not wait for it to be in the Swarm", node)
		}
	}
}
