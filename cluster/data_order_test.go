package cluster_test

import (
	"slices"
	"testing"

	"averazure/cluster"
	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// A node with a data disk stays the same member of the Swarm on its next VM: the records
// about it stay, and it is drained while it has no VM.
func TestNodesWithDataStayMembers(t *testing.T) {
	r := &recorder.Recorder{Answers: answers()}
	if err := r.Run(program(3, 1, func(a *cluster.Args) {
		for i := range 3 {
			a.Hosts[i].DataGB = 32
		}
		a.Drift = drift.HavingMade("aver-manager-prepare", "aver-manager-2-prepare", "aver-manager-3-prepare")
	})); err != nil {
		t.Fatal(err)
	}
	after := func(name, before string) {
		t.Helper()
		first, second := r.Get(drift.CommandType, before), r.Get(drift.CommandType, name)
		if !slices.Contains(second.Request.GetDependencies(), first.URN) {
			t.Errorf("%s does not wait for %s", name, before)
		}
	}
	for i, name := range []string{"aver-manager", "aver-manager-2", "aver-manager-3"} {
		after(name+"-prepare", name+"-data")
		after(name+"-drain", name+"-member")
		after(name+"-move", name+"-drain")
		after(name+"-settings", name+"-move")
		if i > 0 {
			after(name+"-move", []string{"aver-manager", "aver-manager-2"}[i-1]+"-resume")
		}
		if ignored := r.Get(drift.CommandType, name+"-member").Request.GetIgnoreChanges(); !slices.Equal(ignored, []string{"triggers"}) {
			t.Errorf("%s-member ignores %v: a rebuilt VM would take the node out of the Swarm", name, ignored)
		}
		if on := r.Get(drift.CommandType, name+"-member").Request.GetPropertyDependencies()["triggers"]; on != nil && len(on.GetUrns()) > 0 {
			t.Errorf("%s-member has a trigger that depends on %v: the engine would delete it before the VM", name, on.GetUrns())
		}
		drain := r.Get(drift.CommandType, name+"-drain")
		if len(drain.Request.GetIgnoreChanges()) > 0 || !drain.Request.GetDeleteBeforeReplace() || recorder.At(drain.Inputs, "triggers.0") == nil {
			t.Errorf("%s-drain does not drain the node before its VM is deleted", name)
		}
	}
	for _, name := range []string{"data", "drain", "move"} {
		if slices.ContainsFunc(r.OfType(drift.CommandType), func(c *recorder.Resource) bool { return c.Name == "aver-worker-1-"+name }) {
			t.Errorf("a worker without a data disk has the command %s", name)
		}
	}
	if ignored := r.Get(drift.CommandType, "aver-worker-1-member").Request.GetIgnoreChanges(); len(ignored) > 0 {
		t.Errorf("a worker without a data disk: its member ignores %v", ignored)
	}
}
