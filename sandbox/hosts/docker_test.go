package hosts

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/engine/enginetest"
	"averazure/sandbox/images"
)

var none = []any{}

func TestAVirtualNetworkIsInternalAndLabelled(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /networks"] = none
	fake.Answers["POST /networks/create"] = network.CreateResponse{ID: "n1"}
	if err := r.CreateNetwork(context.Background(), "vnet", "10.0.0.0/16"); err != nil {
		t.Fatal(err)
	}
	at, ok := fake.Changed("POST /networks/create")
	if !ok {
		t.Fatal("no network was made")
	}
	for _, want := range []string{`"Internal":true`, `"Subnet":"10.0.0.0/16"`, `"averazure.sandbox":"test"`, `"averazure.vnet":"vnet"`} {
		if !strings.Contains(fake.Changes[at], want) {
			t.Errorf("the request is %s, without %s", fake.Changes[at], want)
		}
	}
}

func TestANetworkThatIsThereIsNotMadeAgain(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /networks"] = []network.Summary{{ID: "n1", IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: "10.0.0.0/16"}}}}}
	if err := r.CreateNetwork(context.Background(), "vnet", "10.0.0.0/16"); err != nil {
		t.Error(err)
	}
	if len(fake.Changes) != 0 {
		t.Errorf("changes: %v", fake.Changes)
	}
	if err := r.DeleteNetwork(context.Background(), "vnet"); err != nil {
		t.Error(err)
	}
	fake.MustChange(t, "DELETE /networks/n1")
}

func TestDeletingAMissingObjectSucceeds(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /networks"], fake.Answers["GET /containers/json"] = none, none
	ctx := context.Background()
	if err := errors.Join(r.DeleteNetwork(ctx, "vnet"), r.Remove(ctx, "vm")); err != nil {
		t.Error(err)
	}
	if running, err := r.Running(ctx, "vm"); running || err != nil {
		t.Errorf("running: %v, %v", running, err)
	}
	fake.Failing["DELETE /containers/c1"] = 404
	if err := r.removeContainer(ctx, "c1"); err != nil {
		t.Error(err)
	}
}

func TestRunning(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	for state, want := range map[string]bool{"running": true, "exited": false, "restarting": false} {
		fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1", State: state}}
		if got, err := r.Running(context.Background(), "vm"); got != want || err != nil {
			t.Errorf("%s is taken for %v, %v", state, got, err)
		}
	}
}

// readyToBoot is a room whose engine has the node image and a virtual network.
func readyToBoot(t *testing.T) (*Room, *enginetest.Engine) {
	t.Helper()
	r := room(t)
	fake := withEngine(t, r)
	if err := os.WriteFile(filepath.Join(r.StateDir, "source"), []byte("packages\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := openAuthority(filepath.Join(r.cacheDir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	base := r.base(false)
	fake.Answers["GET /images/"+images.Ref("node", key(t, r.nodeRecipe(ca), base.Key))+"/json"] = image.InspectResponse{ID: "i"}
	fake.Answers["GET /networks"] = []network.Summary{{ID: "vnet-id"}}
	fake.Answers["POST /containers/create"] = container.CreateResponse{ID: "c1"}
	return r, fake
}

func TestAMachineThatDoesNotStartLeavesNothing(t *testing.T) {
	r, fake := readyToBoot(t)
	fake.Failing["GET /containers/c1/json"] = 500
	err := r.Boot(context.Background(), testVM)
	if err == nil || !strings.Contains(err.Error(), "boot aver-manager: ") {
		t.Errorf("the error is %v", err)
	}
	fake.MustChange(t, "POST /containers/create test-aver-manager", "POST /networks/vnet-id/connect",
		"PUT /containers/c1/archive", "DELETE /containers/c1")
	at, _ := fake.Changed("POST /containers/create")
	if request := fake.Changes[at]; !strings.Contains(request, `"IPv4Address":"198.51.100.10"`) || !strings.Contains(request, `"NetworkMode":"test-internet"`) {
		t.Errorf("its way out is not the internet's: %s", request)
	}
}

func TestAMachineWithoutAPublicAddressHasNoWayOut(t *testing.T) {
	r, fake := readyToBoot(t)
	fake.Failing["GET /containers/c1/json"] = 500 // the test ends here
	vm := testVM
	vm.PublicIP = ""
	r.Boot(context.Background(), vm)
	if _, ok := fake.Changed("POST /networks/vnet-id/connect"); ok {
		t.Error("it is on a second network")
	}
	at, _ := fake.Changed("POST /containers/create")
	if !strings.Contains(fake.Changes[at], `"NetworkMode":"vnet-id"`) {
		t.Errorf("it is elsewhere: %s", fake.Changes[at])
	}
}

func existing(labels map[string]string, state container.ContainerState) container.InspectResponse {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: "old", State: &container.State{Status: state}},
		Config:            &container.Config{Labels: labels},
	}
}

func TestLeftoversOfAnInterruptedBootAreRemoved(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"another machine":    {labelSandbox: "test", labelVM: "vm-0"},
		"never started, own": {labelSandbox: "test", labelVM: "vm-1"},
	} {
		r, fake := readyToBoot(t)
		fake.Answers["GET /containers/test-aver-manager/json"] = existing(labels, container.StateCreated)
		fake.Failing["GET /containers/c1/json"] = 500
		r.Boot(context.Background(), testVM)
		fake.MustChange(t, "DELETE /containers/old", "POST /containers/create")
		if t.Failed() {
			t.Log(name)
		}
	}
}

func TestSomebodyElsesContainerIsNotTouched(t *testing.T) {
	r, fake := readyToBoot(t)
	fake.Answers["GET /containers/test-aver-manager/json"] = existing(nil, container.StateRunning)
	err := r.Boot(context.Background(), testVM)
	if !errors.Is(err, foreignContainer("test-aver-manager")) || len(fake.Changes) != 0 {
		t.Errorf("the error is %v, changes are %v", err, fake.Changes)
	}
}

func TestBootNeedsItsNetwork(t *testing.T) {
	r, fake := readyToBoot(t)
	fake.Answers["GET /networks"] = none
	if err := r.Boot(context.Background(), testVM); err == nil || !strings.Contains(err.Error(), "vnet") {
		t.Errorf("the error is %v", err)
	}
}

func TestRulesReachAFrozenMachine(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1", State: "exited"}}
	if err := r.Filter(context.Background(), "vm", []Rule{{Allow: true, Protocol: "*"}}); err != nil {
		t.Fatal(err)
	}
	fake.MustChange(t, "PUT /containers/c1/archive")
	if _, ok := fake.Changed("POST /containers/c1/exec"); ok {
		t.Error("a command was run in a machine that does not run")
	}
}

func TestExecNamesAnUnknownNode(t *testing.T) {
	r := room(t)
	withEngine(t, r).Answers["GET /containers/json"] = none
	if _, err := r.Exec(context.Background(), "nobody", []string{"true"}, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("the error is %v", err)
	}
}

func TestNodesThatWereNeverStartedAreNotWoken(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "a", State: "running"}, {ID: "b", State: "created"}}
	if err := r.wakeNodes(context.Background()); err != nil || len(fake.Changes) != 0 {
		t.Errorf("changes are %v, %v", fake.Changes, err)
	}
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c", State: "exited", Labels: map[string]string{labelNode: "aver-worker-1"}}}
	if err := r.wakeNodes(context.Background()); err == nil || !strings.Contains(err.Error(), "start aver-worker-1") {
		t.Errorf("the error is %v", err)
	}
}

// A restart shuts the VM down before it starts the VM again. A VM that is gone, or that
// does not start, is an error.
func TestAMachineRestarts(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = none
	if err := r.Restart(t.Context(), "vm-1"); err == nil || len(fake.Changes) != 0 {
		t.Errorf("of a machine that is gone: %v, %v", err, fake.Changes)
	}
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1", State: "running"}}
	fake.Answers["GET /containers/c1/json"] = container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{}}
	fake.Failing["POST /containers/c1/start"] = http.StatusInternalServerError
	if err := r.Restart(t.Context(), "vm-1"); err == nil || !slices.Equal(fake.Changes, []string{"POST /containers/c1/stop", "POST /containers/c1/start"}) {
		t.Errorf("of one that does not start: %v, %v", err, fake.Changes)
	}
}

func TestANetworkThatTheEngineMiscountsIsKept(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /networks"] = []network.Summary{{ID: "n1"}}
	fake.Failing["DELETE /networks/n1"] = http.StatusForbidden
	fake.Answers["GET /networks/n1"] = network.Inspect{ID: "n1"}
	if err := r.DeleteNetwork(t.Context(), "vnet"); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	fake.Answers["GET /networks/n1"] = network.Inspect{ID: "n1", Containers: map[string]network.EndpointResource{"c1": {}}}
	if err := r.DeleteNetwork(t.Context(), "vnet"); err == nil {
		t.Error("one with a container was left without a word")
	}
}
