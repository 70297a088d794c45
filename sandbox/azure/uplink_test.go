package azure

import (
	"net/netip"
	"slices"
	"testing"

	"averazure/sandbox/fabric"
)

// behind is a VM in a balancer's pool, with or without a public address.
func (s *scene) behind(lb *res, name, address string, public *res) (vm, nic *res) {
	args := s.nicArgs(name+"-nic", address, public)
	items(args, "ipConfigurations")[0]["loadBalancerBackendAddressPools"] = []any{object{"id": lb.id + "/backendAddressPools/nodes"}}
	nic = s.create("NetworkInterface", name+"-nic", args)
	return s.create("VirtualMachine", name, vmArgs(name, nic)), nic
}

func TestMachinesBehindABalancer(t *testing.T) {
	s := newScene(t)
	lb, entry := s.balancer()
	address := text(entry.state, "ipAddress")
	own := s.create("PublicIPAddress", "own", addressArgs("own"))
	manager, _ := s.behind(lb, "aver-manager", "10.0.0.4", own)
	worker, _ := s.behind(lb, "aver-worker-1", "10.0.0.5", nil)
	ids := []string{text(manager.state, "vmId"), text(worker.state, "vmId")}

	forward := fabric.Forward{Frontend: address, Protocol: "tcp", Port: 80, BackendPort: 80}
	for i, public := range []string{text(own.state, "ipAddress"), ""} {
		booted := s.fake.vms[ids[i]]
		if !slices.Equal(booted.Forwards, []fabric.Forward{forward}) || booted.PublicIP != public || booted.NetworkCIDR != "10.0.0.0/16" {
			t.Errorf("booted %+v", booted)
		}
		if hasWay := booted.Outbound != nil; hasWay != (public == "") {
			t.Errorf("%s goes out through the balancer: %v", booted.Name, hasWay)
		}
	}
	want := fabric.Listener{
		Forward: forward, Reset: true, Idle: 4, Probe: fabric.Probe{Protocol: "tcp", Port: 80, Interval: 5, Count: 1},
		Members: []fabric.Member{{ID: ids[0], Address: text(own.state, "ipAddress")}, {ID: ids[1]}},
	}
	got := s.fake.balancing
	if len(got.Listeners) != 1 || !same(got.Listeners[0], want) {
		t.Errorf("listeners %+v, want %+v", got.Listeners, want)
	}
	if len(got.Outbound) != 1 || got.Outbound[0].ID != ids[1] || got.Outbound[0].Frontend != address || got.Outbound[0].Protocol != "all" {
		t.Errorf("ways out %+v", got.Outbound)
	}
	if err := worker.delete(); err != nil {
		t.Fatal(err)
	}
	if got := s.fake.balancing; len(got.Listeners[0].Members) != 1 || len(got.Outbound) != 0 {
		t.Errorf("a VM that is gone is still served: %+v", got)
	}
}

// The balancer knows the VM before the VM sends its first packet.
func TestBalancerKnowsAMachineThatBoots(t *testing.T) {
	s := newScene(t)
	lb, _ := s.balancer()
	known := 0
	s.fake.onBoot = func() { known = len(s.fake.balancing.Outbound) }
	s.behind(lb, "aver-worker-1", "10.0.0.5", nil)
	if known != 1 {
		t.Error("its first packets get no answer")
	}
}

func TestAddressesAndPoolsChangeOnARunningMachine(t *testing.T) {
	s := newScene(t)
	lb, _ := s.balancer()
	vm, nic, public := s.node("aver-manager", "10.0.0.4")
	id := text(vm.state, "vmId")
	config := func() object { return clone(items(nic.inputs, "ipConfigurations")[0]) }

	without := config()
	delete(without, "publicIPAddress")
	without["loadBalancerBackendAddressPools"] = []any{object{"id": lb.id + "/backendAddressPools/nodes"}}
	if err := nic.update(object{"ipConfigurations": []any{without}}); err != nil {
		t.Fatal(err)
	}
	if now := s.fake.links[id]; now.PublicIP != "" || now.Outbound == nil || len(now.Forwards) != 1 || len(s.fake.balancing.Outbound) != 1 {
		t.Errorf("connected as %+v, balancing %+v", now, s.fake.balancing)
	}
	if err := public.delete(); err != nil {
		t.Fatal(err)
	}
	public = s.create("PublicIPAddress", "again", addressArgs("again"))
	with := config()
	delete(with, "loadBalancerBackendAddressPools")
	with["publicIPAddress"] = object{"id": public.id}
	if err := nic.update(object{"ipConfigurations": []any{with}}); err != nil {
		t.Fatal(err)
	}
	if now := s.fake.links[id]; now.PublicIP != text(public.state, "ipAddress") || now.Outbound != nil || len(now.Forwards) != 0 || len(s.fake.balancing.Listeners[0].Members) != 0 {
		t.Errorf("connected as %+v, balancing %+v", now, s.fake.balancing)
	}
	moved := config()
	moved["privateIPAddress"] = "10.0.0.9"
	s.wantRefusal(nic.update(object{"ipConfigurations": []any{moved}}), notPlayed, nic.name)
}

// Without an outbound rule, a load balancing rule allows outbound connections of its
// protocol, unless that is disabled.
func TestWaysOut(t *testing.T) {
	s := newScene(t)
	public := s.create("PublicIPAddress", "entry-ip", addressArgs("entry-ip"))
	args := s.balancerArgs("aver-lb", public)
	delete(args, outboundRules)
	lb := s.create("LoadBalancer", "lb", args)
	vm, _ := s.behind(lb, "aver-worker-1", "10.0.0.5", nil)
	if got := s.fake.vms[text(vm.state, "vmId")].Outbound; got != nil {
		t.Errorf("it goes out by %+v", got)
	}
	if err := lb.update(change(args, balancerRules, object{"disableOutboundSnat": false})); err != nil {
		t.Fatal(err)
	}
	if got := s.fake.links[text(vm.state, "vmId")].Outbound; got == nil || got.Protocol != "tcp" {
		t.Errorf("it goes out by %+v", got)
	}
}

// The tag VirtualNetwork contains the source of the probes. A rule that denies this tag
// needs an earlier rule that allows the probes.
func TestDenialOfTheNetworkKeepsProbesOut(t *testing.T) {
	s := newScene(t)
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	probed := func() bool {
		return allows(s.fake.filters[text(vm.state, "vmId")], "tcp", platform.Addr().String(), 80)
	}
	if !probed() {
		t.Error("Azure's own rules keep the probes out")
	}
	s.create("SecurityRule", "deny", ruleArgs("deny", 4000, object{"access": "Deny", "protocol": "*", "sourceAddressPrefix": "VirtualNetwork", "destinationPortRange": "*"}))
	if probed() {
		t.Fatal("the denial of VirtualNetwork lets the probes in")
	}
	s.create("SecurityRule", "probes", ruleArgs("probes", 100, object{"sourceAddressPrefix": "AzureLoadBalancer", "destinationPortRange": "80"}))
	if !probed() || allows(s.fake.filters[text(vm.state, "vmId")], "tcp", platform.Addr().String(), 81) {
		t.Errorf("the allowance is not the one given: %v", s.fake.filters)
	}
	if !platform.Contains(netip.MustParseAddr("168.63.129.16")) {
		t.Error("the fabric's probes come from elsewhere")
	}
}
