package azure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

func TestParallelCreation(t *testing.T) {
	s := newScene(t)
	var wg sync.WaitGroup
	problems := make(chan error, 100)
	for i := range 20 {
		wg.Go(func() {
			name := fmt.Sprintf("n%d", i)
			if _, err := s.try("SecurityRule", name, ruleArgs(name, 200+i, nil)); err != nil {
				problems <- err
			}
			nic, err := s.try("NetworkInterface", name, s.nicArgs(name, "", nil))
			if err == nil {
				_, err = s.try("VirtualMachine", name, vmArgs(name, nic))
			}
			if err != nil {
				problems <- err
			}
		})
	}
	wg.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
	addresses := map[string]bool{}
	for id, vm := range s.fake.vms {
		addresses[vm.PrivateIP] = true
		if got := len(s.fake.filters[id]); got < 20 {
			t.Errorf("%s has %d rules", vm.Name, got)
		}
	}
	if len(addresses) != 20 {
		t.Errorf("%d addresses for 20 VMs", len(addresses))
	}
}

func TestOnlyOneOfTwoGetsTheName(t *testing.T) {
	s := newScene(t)
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() {
			_, results[i] = s.try("PublicIPAddress", fmt.Sprint("ip", i), addressArgs("same"))
		})
	}
	wg.Wait()
	made := 0
	for _, err := range results {
		if err == nil {
			made++
		}
	}
	if made != 1 || len(s.fake.addresses) != 1 {
		t.Errorf("made %d times, %d addresses", made, len(s.fake.addresses))
	}
}

// A creation whose engine is gone leaves neither a real nor a recorded resource.
func TestInterruptedCreation(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	token := s.full("PublicIPAddress")
	_, _, err := s.types[token].Create(ctx, s.urn(token, "ip"), toEngine(with(addressArgs("ip"), object{"location": "westeurope"})), false)
	s.wantRefusal(err, "interrupted", "ip")
	if len(s.fake.addresses) != 0 {
		t.Error("the address is still allocated")
	}
	s.create("PublicIPAddress", "ip", addressArgs("ip"))
}

func TestRefusedChangeLeavesTheRecord(t *testing.T) {
	s := newScene(t)
	rule := s.create("SecurityRule", "web", ruleArgs("web", 200, nil))
	s.wantRefusal(rule.update(object{"priority": 1.0}), "SecurityRuleInvalidPriority", "web")
	s.wantRefusal(s.nsg.update(object{"location": "northeurope"}), "InvalidResourceLocation", "aver-nsg")
	if e := s.cloud.record.get(rule.id); number(e.State, "priority") != 200 {
		t.Errorf("recorded %v", e.State)
	}
}

// TestUpdateMakesWhatIsGone: an update creates a deleted rule or VM again, as
// azure-native's PUT does. It also creates the VM again if only the VM's host vanished. The
// VM keeps its interface.
func TestUpdateMakesWhatIsGone(t *testing.T) {
	s := newScene(t)
	rule := s.create("SecurityRule", "web", ruleArgs("web", 200, nil))
	if err := rule.delete(); err != nil {
		t.Fatal(err)
	}
	if err := rule.update(object{"access": "Deny"}); err != nil || rule.gone() {
		t.Errorf("a rule: %v", err)
	}
	vm, nic, _ := s.node("aver-manager", "10.0.0.4")
	for what, lose := range map[string]func(){
		"deleted": func() { _ = vm.delete() },
		"gone":    func() { delete(s.fake.vms, text(vm.state, "vmId")) },
	} {
		before := text(vm.state, "vmId")
		lose()
		if !vm.gone() {
			t.Fatalf("%s: still there", what)
		}
		if err := vm.update(object{"tags": object{"drift": what}}); err != nil || vm.gone() {
			t.Errorf("%s: %v", what, err)
		}
		after := text(vm.state, "vmId")
		if booted := s.fake.vms[after]; after == before || booted.PrivateIP != "10.0.0.4" || len(s.fake.vms) != 1 {
			t.Errorf("%s: VM %s after %s; booted %+v", what, after, before, s.fake.vms)
		}
		if on := text(s.cloud.record.get(nic.id).State, "virtualMachine.id"); on != vm.id {
			t.Errorf("%s: the interface is that of %q", what, on)
		}
	}
	s.fake.bootError = errors.New("no room")
	delete(s.fake.vms, text(vm.state, "vmId"))
	s.wantRefusal(vm.update(object{"tags": object{}}), "no room", "aver-manager")
	if s.cloud.record.get(vm.id) != nil {
		t.Error("half a VM is recorded")
	}
	other := s.create("NetworkSecurityGroup", "other", object{"resourceGroupName": "aver-rg", "networkSecurityGroupName": "other"})
	if err := other.delete(); err != nil {
		t.Fatal(err)
	}
	s.wantRefusal(other.update(object{"tags": object{"a": "b"}}), "ResourceNotFound", "other")
	// The bridged providers create nothing on an update.
	app := s.create("Application", "app", object{"displayName": "aver"})
	if err := app.delete(); err != nil {
		t.Fatal(err)
	}
	s.wantRefusal(app.update(object{"displayName": "other"}), "ResourceNotFound", "app")
}

func TestRefreshKeepsSecretsAndImportReads(t *testing.T) {
	w := newWorld(t)
	app := w.create("Application", "app", object{"displayName": "aver"})
	password := w.create("ApplicationPassword", "pw", object{"applicationId": app.id})
	typ := w.types[password.token]
	_, inputs, state, err := typ.Read(context.Background(), w.urn(password.token, "pw"), password.id, toEngine(password.inputs), toEngine(password.state))
	if err != nil || state["value"].StringValue() != text(password.state, "value") || inputs["applicationId"].StringValue() != app.id {
		t.Errorf("%v %v %v", inputs, state, err)
	}
	_, inputs, state, err = w.types[app.token].Read(context.Background(), w.urn(app.token, "app"), app.id, nil, resource.PropertyMap{})
	if err != nil || inputs["displayName"].StringValue() != "aver" || !state.HasValue("clientId") {
		t.Errorf("import: %v %v %v", inputs, state, err)
	}
}

// A second Check keeps what the first one added: a name, a location.
func TestCheckIsStable(t *testing.T) {
	s := newScene(t)
	token := s.full("PublicIPAddress")
	typ, urn := s.types[token], s.urn(token, "ip")
	args := toEngine(with(addressArgs(""), object{"publicIpAddressName": nil}))
	first, _, err := typ.Check(context.Background(), urn, nil, args)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := typ.Check(context.Background(), urn, first, args)
	if err != nil || !first.DeepEquals(second) {
		t.Errorf("%v then %v (%v)", first, second, err)
	}
}

func TestCheckOfWhatIsUnknown(t *testing.T) {
	s := newScene(t)
	token := s.full("PublicIPAddress")
	args := toEngine(addressArgs("ip"))
	args["resourceGroupName"], args["sku"] = plugin.Unknown(), plugin.Unknown()
	checked, failures, err := s.types[token].Check(context.Background(), s.urn(token, "ip"), nil, args)
	if err != nil || len(failures) != 0 || !checked["location"].ContainsUnknowns() {
		t.Errorf("%v %v %v", checked, failures, err)
	}
	token = s.full("Vault")
	_, failures, err = s.types[token].Check(context.Background(), s.urn(token, "kv"), nil, resource.PropertyMap{
		"resourceGroupName": resource.NewStringProperty("aver-rg"), "properties": plugin.Unknown()})
	if err != nil || len(failures) != 0 {
		t.Errorf("an unknown object counts as one without its parts: %v %v", failures, err)
	}
}

func TestRefusalsReadWell(t *testing.T) {
	err := error(&Refusal{Type: "Microsoft.Compute/virtualMachines", Name: "aver-manager", Resource: "aver-manager", Code: "NicInUse", Message: "the rule"})
	if got, want := err.Error(), `Microsoft.Compute/virtualMachines aver-manager (resource "aver-manager"): NicInUse: the rule`; got != want {
		t.Errorf("%s", got)
	}
}

func TestValues(t *testing.T) {
	o := object{"a": object{"b": []any{object{"c": "d"}}}, "n": 3.0, "t": true}
	if text(o, "a.b.0.c") != "d" || at(o, "a.b.1.c") != nil || at(o, "a.x.y") != nil || number(o, "n") != 3 || at(o, "n.x") != nil {
		t.Error("at")
	}
	put(o, "x.y.z", "new")
	fallback(o, "x.y.z", "other")
	if text(o, "x.y.z") != "new" {
		t.Error("put, fallback")
	}
	copied := clone(o)
	items(copied, "a.b")[0]["c"] = "changed"
	if text(o, "a.b.0.c") != "d" || same(o, copied) {
		t.Error("clone is not deep")
	}
	drop(o, "a.b")
	drop(o, "n")
	if at(o, "a.b") != nil || at(o, "n") != nil {
		t.Error("drop")
	}
	veiled := object{"list": []any{object{"given": "x"}}}
	for _, path := range []string{"list.*.made", "list.*.given", "top", "deep.inside"} {
		veil(veiled, strings.Split(path, "."))
	}
	if known(at(veiled, "list.0.made")) || text(veiled, "list.0.given") != "x" || known(veiled["top"]) || known(veiled["deep"]) {
		t.Errorf("%v", veiled)
	}
}
