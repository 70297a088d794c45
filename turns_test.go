package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/recorder"
	"averazure/internal/settings"
)

const (
	machineType = "azure-native:compute/v20230301:VirtualMachine"
	commandType = "command:remote:Command"
)

// stateOf is the state that a run leaves, with nodes that are in the Swarm.
func stateOf(nodes ...string) resource.PropertyMap {
	all := map[string]any{}
	add := func(parent, kind, name string, outputs map[string]any) {
		all["urn:pulumi:test::averazure::"+parent+"$"+kind+"::"+name] = map[string]any{"type": kind, "outputs": outputs}
	}
	for _, node := range nodes {
		add("averazure:infra:Infra", machineType, node, map[string]any{"zones": []any{"1"}, "vmId": "vm-" + node})
		add("averazure:cluster:Cluster", commandType, node+"-member", map[string]any{"stdout": "", "triggers": []any{"vm-" + node}})
		add("averazure:cluster:Cluster", commandType, node+"-join", map[string]any{
			"stdout": `{"node":"n","swarm":"s","worker":"tw","manager":"tm"}`, "triggers": []any{"vm-" + node}})
	}
	return resource.NewPropertyMapFromMap(all)
}

// positions are where each resource of a type came in the order of registrations.
func positions(r *recorder.Recorder) map[string]int {
	at := map[string]int{}
	for i, res := range r.Resources() {
		at[res.Type+" "+res.Name] = i
	}
	return at
}

// recordTurns runs the program with three managers and two workers on a state. It fails if
// a wait never ends.
func recordTurns(t *testing.T, state resource.PropertyMap, adapt func(map[string]string), tune func(*recorder.Recorder)) (*recorder.Recorder, error) {
	t.Helper()
	config := shipped(t, "dev")
	config[settings.Name("managers")], config[settings.Name("workers")] = "3", "2"
	if adapt != nil {
		adapt(config)
	}
	stuck := time.AfterFunc(2*time.Minute, func() { panic("the program waits for itself") })
	defer stuck.Stop()
	return record(t, config, func(r *recorder.Recorder) {
		r.State = state
		if tune != nil {
			tune(r)
		}
	})
}

var fiveNodes = []string{"aver-manager", "aver-manager-2", "aver-manager-3", "aver-worker-1", "aver-worker-2"}

// A node's VM is registered only when all nodes before it are back, so that the engine
// cannot rebuild or restart two at once. That also holds when a node before it is made
// again. New nodes do not wait.
func TestNodesThatExistTakeTurns(t *testing.T) {
	for missing := range fiveNodes {
		exist := slices.Delete(slices.Clone(fiveNodes), missing, missing+1)
		r, err := recordTurns(t, stateOf(exist...), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		at := positions(r)
		for i, node := range fiveNodes {
			for _, before := range fiveNodes[:i] {
				waited := at[machineType+" "+node] > at[commandType+" "+before+"-back"]
				if slices.Contains(exist, node) && !waited {
					t.Errorf("without %s: %s does not wait for %s", fiveNodes[missing], node, before)
				}
			}
		}
	}
}

// Where nothing exists, and in a preview, all nodes are registered at once. No node waits
// for the return of the first one, which fails here.
func TestNobodyWaitsWithoutNeed(t *testing.T) {
	for name, run := range map[string]struct {
		state   resource.PropertyMap
		preview bool
	}{"first": {}, "preview": {stateOf(fiveNodes...), true}} {
		r, err := recordTurns(t, run.state, nil, func(r *recorder.Recorder) {
			r.Preview, r.Fail, r.FailOn = run.preview, commandType, "aver-manager-back"
		})
		if err == nil {
			t.Fatalf("%s: the first node came back", name)
		}
		for _, node := range fiveNodes {
			if r.Get(machineType, node) == nil {
				t.Errorf("%s: %s waited", name, node)
			}
		}
	}
}

// A node that does not come back ends the run, and those after it are not touched.
func TestTurnsEndAtTheFirstNodeThatDoesNotComeBack(t *testing.T) {
	for stuck, last := range fiveNodes[:4] {
		r, err := recordTurns(t, stateOf(fiveNodes...), nil, func(r *recorder.Recorder) {
			r.Fail, r.FailOn = commandType, last+"-back"
		})
		if err == nil {
			t.Fatalf("%s: the program went on", last)
		}
		for i, node := range fiveNodes {
			if made := r.Get(machineType, node) != nil; made != (i <= stuck) {
				t.Errorf("%s does not come back: %s is registered: %v", last, node, made)
			}
		}
	}
}

// No node waits for itself, whichever nodes exist and whichever manager is the door, with
// or without data disks and backups. With another door, and with one manager, the nodes
// take turns as well.
func TestTurnsEndWhateverExists(t *testing.T) {
	for exist := range 1 << len(fiveNodes) {
		var nodes []string
		for i, node := range fiveNodes {
			if exist&(1<<i) != 0 {
				nodes = append(nodes, node)
			}
		}
		for _, with := range []map[string]string{{}, {"door": "aver-manager-2"}, {"dataDiskGB": "32", "workerDataDiskGB": "32", "backupTime": "02:00"}} {
			r, err := recordTurns(t, stateOf(nodes...), func(config map[string]string) {
				for key, value := range with {
					config[settings.Name(key)] = value
				}
			}, nil)
			if err != nil {
				t.Fatalf("%q, with %v: %v", nodes, with, err)
			}
			at := positions(r)
			if len(nodes) == len(fiveNodes) && at[machineType+" aver-worker-2"] < at[commandType+" aver-worker-1-back"] {
				t.Errorf("with %v: a worker does not wait", with)
			}
			if _, drained := at[commandType+" aver-worker-2-drain"]; drained != (with["dataDiskGB"] != "") {
				t.Errorf("with %v: has a command that drains it: %t", with, drained)
			}
		}
	}
	r, err := recordTurns(t, stateOf("aver-manager", "aver-worker-1", "aver-worker-2"), func(config map[string]string) { config[settings.Name("managers")] = "1" }, nil)
	if at := positions(r); err != nil || at[machineType+" aver-worker-1"] < at[commandType+" aver-manager-back"] {
		t.Errorf("a worker does not wait for the only manager (%v)", err)
	}
}

// The waits are not among the dependencies of any resource, so that deletions do not wait.
func TestTurnsAreNotInTheState(t *testing.T) {
	r, err := recordTurns(t, stateOf(fiveNodes...), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, vm := range r.OfType(machineType) {
		for _, dependency := range vm.Request.GetDependencies() {
			if strings.Contains(dependency, commandType) {
				t.Errorf("%s depends on %s", vm.Name, dependency)
			}
		}
	}
	if got := len(r.OfType(machineType)); got != len(fiveNodes) {
		t.Error(strconv.Itoa(got) + " VMs")
	}
}
