package azure

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"averazure/sandbox/hosts"
)

func TestSecurityRulesReachTheMachines(t *testing.T) {
	s := newScene(t)
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	id := text(vm.state, "vmId")
	if allows(s.fake.filters[id], "tcp", "203.0.113.1", 8080) {
		t.Fatal("8080 is open before the rule")
	}
	rule := s.create("SecurityRule", "web", ruleArgs("web", 300, nil))
	if !allows(s.fake.filters[id], "tcp", "203.0.113.1", 8080) {
		t.Fatalf("8080 is closed after the rule: %v", s.fake.filters[id])
	}
	asked := len(s.fake.asked)
	s.create("SecurityRule", "out", ruleArgs("out", 300, object{"direction": "Outbound"}))
	if len(s.fake.asked) != asked {
		t.Error("an outbound rule set the filter again")
	}
	if err := rule.update(object{"access": "Deny"}); err != nil {
		t.Fatal(err)
	}
	if allows(s.fake.filters[id], "tcp", "203.0.113.1", 8080) {
		t.Error("8080 is open after Deny")
	}
	if err := rule.delete(); err != nil {
		t.Fatal(err)
	}
	if err := s.subnet.update(object{"networkSecurityGroup": object{}}); err != nil {
		t.Fatal(err)
	}
	if allows(s.fake.filters[id], "tcp", "203.0.113.1", 22) || !allows(s.fake.filters[id], "tcp", "10.0.0.9", 22) {
		t.Errorf("without a group: %v", s.fake.filters[id])
	}
}

// allows evaluates a list of rules as the packet filter does.
func allows(rules []hosts.Rule, protocol, from string, port uint16) bool {
	for _, r := range rules {
		if r.Protocol != "*" && r.Protocol != protocol {
			continue
		}
		source, ports := len(r.Sources) == 0, len(r.Ports) == 0
		for _, p := range r.Sources {
			source = source || p.Contains(netip.MustParseAddr(from))
		}
		for _, p := range r.Ports {
			ports = ports || p.From <= port && port <= p.To
		}
		if source && ports {
			return r.Allow
		}
	}
	return false
}

func TestResourceGroupRemovesItsResources(t *testing.T) {
	s := newScene(t)
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	if err := s.group.delete(); err != nil {
		t.Fatal(err)
	}
	if len(s.fake.vms)+len(s.fake.networks)+len(s.fake.addresses) != 0 || !vm.gone() {
		t.Errorf("left: %v %v %v", s.fake.vms, s.fake.networks, s.fake.addresses)
	}
	if err := vm.delete(); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

func TestRecordSurvivesAndKeepsNoSecret(t *testing.T) {
	s := newScene(t)
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	data, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), text(vm.inputs, "osProfile.customData")) {
		t.Error("customData is in the record")
	}
	if info, _ := os.Stat(s.file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	again := reopen(t, s.fake, s.file)
	vm.w = again
	if vm.gone() {
		t.Error("the record was not kept")
	}
	if err := vm.update(object{"tags": object{"a": "b"}}); err != nil {
		t.Errorf("an unchanged customData counts as changed: %v", err)
	}
}

func TestBrokenRecordIsAnError(t *testing.T) {
	w := newWorld(t)
	if err := os.WriteFile(w.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, w.fake, w.file).try("azure-native:resources:ResourceGroup", "rg", object{"location": "westeurope"}); err == nil || !strings.Contains(err.Error(), w.file) {
		t.Errorf("got %v", err)
	}
}
