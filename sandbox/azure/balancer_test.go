package azure

import (
	"slices"
	"strings"
	"testing"
)

// balancerArgs is a balancer like the program's, with a public address.
func (s *scene) balancerArgs(name string, public *res) object {
	id := "/subscriptions/" + s.cloud.record.Subscription + "/resourceGroups/aver-rg/providers/Microsoft.Network/loadBalancers/" + name
	ref := func(list, item string) object { return object{"id": id + "/" + list + "/" + item} }
	return object{
		"resourceGroupName": "aver-rg", "loadBalancerName": name, "sku": object{"name": "Standard"},
		frontends: []any{object{"name": "entry", "publicIPAddress": object{"id": public.id}}},
		pools:     []any{object{"name": "nodes"}},
		probes:    []any{object{"name": "tcp-80", "protocol": "Tcp", "port": 80.0, "intervalInSeconds": 5.0, "numberOfProbes": 2.0}},
		balancerRules: []any{object{"name": "tcp-80", "protocol": "Tcp", "frontendPort": 80.0, "backendPort": 80.0, "enableTcpReset": true, "idleTimeoutInMinutes": 4.0,
			"disableOutboundSnat": true, "frontendIPConfiguration": ref(frontends, "entry"), "backendAddressPool": ref(pools, "nodes"), "probe": ref(probes, "tcp-80")}},
		outboundRules: []any{object{"name": "out", "protocol": "All", frontends: []any{ref(frontends, "entry")}, "backendAddressPool": ref(pools, "nodes")}},
	}
}

func (s *scene) balancer() (balancer, public *res) {
	public = s.create("PublicIPAddress", "entry-ip", addressArgs("entry-ip"))
	return s.create("LoadBalancer", "lb", s.balancerArgs("aver-lb", public)), public
}

// change returns a copy of the arguments with one item of a list changed.
func change(args object, list string, changes object) object {
	out := clone(args)
	out[list] = []any{with(items(out, list)[0], changes)}
	return out
}

func twice(args object, list string, changes object) object {
	out := clone(args)
	out[list] = append(out[list].([]any), with(items(out, list)[0], changes))
	return out
}

func TestBalancerRefusals(t *testing.T) {
	s := newScene(t)
	_, _, taken := s.node("aver-manager", "10.0.0.4")
	public := s.create("PublicIPAddress", "entry-ip", addressArgs("entry-ip"))
	good := s.balancerArgs("aver-lb", public)
	nowhere := object{"id": public.id + "x"}
	for name, c := range map[string]struct {
		code string
		args object
	}{
		"name":              {"InvalidResourceName", with(good, object{"loadBalancerName": "-lb"})},
		"basic":             {"DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", with(good, object{"sku": nil})},
		"address nowhere":   {"InvalidResourceReference", change(good, frontends, object{"publicIPAddress": nowhere})},
		"address taken":     {"PublicIPAddressInUse", change(good, frontends, object{"publicIPAddress": object{"id": taken.id}})},
		"zones":             {"LoadBalancerFrontendIPConfigCannotHaveZoneWhenReferencingPublicIPAddress", change(good, frontends, object{"zones": list("1")})},
		"interval":          {"InvalidRequestFormat", change(good, probes, object{"intervalInSeconds": 4.0})},
		"path":              {"InvalidRequestFormat", change(good, probes, object{"requestPath": "/"})},
		"no path":           {"InvalidRequestFormat", change(good, probes, object{"protocol": "Http"})},
		"pool":              {"InvalidResourceReference", change(good, balancerRules, object{"backendAddressPool": nowhere})},
		"no pool":           {"InvalidResourceReference", change(good, balancerRules, object{"backendAddressPool": nil})},
		"probe":             {"InvalidResourceReference", change(good, balancerRules, object{"probe": nowhere})},
		"frontend":          {"InvalidResourceReference", change(good, balancerRules, object{"frontendIPConfiguration": nowhere})},
		"idle":              {"InvalidRequestFormat", change(good, balancerRules, object{"idleTimeoutInMinutes": 3.0})},
		"same name":         {"InvalidRequestFormat", twice(good, balancerRules, object{"frontendPort": 81.0, "backendPort": 81.0})},
		"same port":         {"RulesUseSameFrontendPortProtocolAndIPConfig", twice(good, balancerRules, object{"name": "b", "backendPort": 81.0})},
		"same backend":      {"RulesUseSameBackendPortProtocolAndPool", twice(good, balancerRules, object{"name": "b", "frontendPort": 81.0})},
		"snat":              {"LoadBalancingRuleMustDisableSNATSinceSameFrontendIPConfigurationIsReferencedByOutboundRule", change(good, balancerRules, object{"disableOutboundSnat": nil})},
		"two ways out":      {"MoreThanOneOutboundRuleUsingSameFrontendIPConfigurationAndProtocolIsNotSupported", twice(good, outboundRules, object{"name": "b"})},
		"outbound pool":     {"InvalidResourceReference", change(good, outboundRules, object{"backendAddressPool": nowhere})},
		"ports by eight":    {"SpecifiedAllocatedOutboundPortsForOutboundRuleIsNotAMultipleOfEight", change(good, outboundRules, object{"allocatedOutboundPorts": 1023.0})},
		"ports by four":     {"SpecifiedAllocatedOutboundPortsForOutboundRuleIsNotAMultipleOfEight", change(good, outboundRules, object{"allocatedOutboundPorts": 1020.0})},
		"the last port":     {"InvalidRequestFormat", change(good, balancerRules, object{"frontendPort": 65535.0, "backendPort": 65535.0})},
		"ports of one rule": {"SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAllowedPortsPerRule", change(good, outboundRules, object{"allocatedOutboundPorts": 64008.0})},
		"any port":          {notPlayed, change(good, balancerRules, object{"frontendPort": 0.0, "backendPort": 0.0, "protocol": "All"})},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.try("LoadBalancer", "lb", c.args)
			s.wantRefusal(err, c.code, "lb")
		})
	}
	s.create("LoadBalancer", "lb", good)
}

func TestBalancerKnowsWhoIsInItsPool(t *testing.T) {
	s := newScene(t)
	lb, public := s.balancer()
	pool := text(items(lb.state, pools)[0], "id")
	if want := lb.id + "/backendAddressPools/nodes"; pool != want {
		t.Errorf("the pool's id is %s, want %s", pool, want)
	}
	if got := text(items(items(lb.state, probes)[0], balancerRules)[0], "id"); got != lb.id+"/loadBalancingRules/tcp-80" {
		t.Errorf("the probe is used by %q", got)
	}
	args := s.nicArgs("nic", "10.0.0.4", nil)
	config := items(args, "ipConfigurations")[0]
	config["loadBalancerBackendAddressPools"] = []any{object{"id": pool + "x"}}
	s.refused("InvalidResourceReference", "NetworkInterface", "nic", args)
	config["loadBalancerBackendAddressPools"] = []any{object{"id": pool}}
	nic := s.create("NetworkInterface", "nic", args)
	now := s.cloud.record.get(lb.id).State
	if got := text(items(items(now, pools)[0], "backendIPConfigurations")[0], "id"); got != nic.id+"/ipConfigurations/main" {
		t.Errorf("in the pool is %q", got)
	}
	s.wantRefusal(lb.delete(), "InUseLoadBalancerCannotBeDeleted", nic.id)
	s.wantRefusal(public.delete(), "PublicIPAddressCannotBeDeleted", lb.id)
	s.wantRefusal(lb.update(object{pools: []any{object{"name": "other"}}, balancerRules: nil, outboundRules: nil}), "InUseBackendAddressPoolCannotBeDeleted", nic.id)

	// A program that does not ignore the etags sees drift after an interface joins.
	want := []string{"backendAddressPools[0].etag", "frontendIPConfigurations[0].etag", "loadBalancingRules[0].etag", "outboundRules[0].etag", "probes[0].etag"}
	if got := lb.refreshed(); !slices.Equal(got, want) {
		t.Errorf("the balancer differs in %q, want %q", got, want)
	}
	ignored := strings.Split(strings.ReplaceAll(strings.Join(want, " "), "[0]", "[*]"), " ")
	if got := lb.refreshed(ignored...); len(got) != 0 {
		t.Errorf("with IgnoreChanges the balancer differs in %q", got)
	}
	if err := nic.delete(); err != nil {
		t.Fatal(err)
	}
	if err := lb.delete(); err != nil {
		t.Errorf("an empty pool keeps the balancer: %v", err)
	}
	if err := public.delete(); err != nil {
		t.Error(err)
	}
}

func TestOutboundPortsMustSuffice(t *testing.T) {
	s := newScene(t)
	public := s.create("PublicIPAddress", "entry-ip", addressArgs("entry-ip"))
	lb := s.create("LoadBalancer", "lb", change(s.balancerArgs("aver-lb", public), outboundRules, object{"allocatedOutboundPorts": 31992.0}))
	member := func(name, address string) object {
		args := s.nicArgs(name, address, nil)
		items(args, "ipConfigurations")[0]["loadBalancerBackendAddressPools"] = []any{object{"id": lb.id + "/backendAddressPools/nodes"}}
		return args
	}
	s.create("NetworkInterface", "a", member("a", "10.0.0.4"))
	b := s.create("NetworkInterface", "b", member("b", "10.0.0.5"))
	s.refused("SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAvailablePorts", "NetworkInterface", "c", member("c", "10.0.0.6"))
	if err := b.update(object{"tags": object{"a": "b"}}); err != nil {
		t.Errorf("a member counts twice: %v", err)
	}
	err := lb.update(change(lb.inputs, outboundRules, object{"allocatedOutboundPorts": 32000.0})) // the rule of port 80 takes eight ports
	s.wantRefusal(err, "SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAvailablePorts", "lb")
}

func TestZones(t *testing.T) {
	s := newScene(t)
	nic := s.create("NetworkInterface", "nic", s.nicArgs("nic", "10.0.0.4", s.create("PublicIPAddress", "ip", with(addressArgs("ip"), object{"zones": list("2")}))))
	good := vmArgs("aver-manager", nic)
	for code, zones := range map[string][]any{
		"InvalidParameter":                                 list("1", "2"),
		"InvalidAvailabilityZone":                          list("4"),
		"PublicIPAddressAndVirtualMachineInDifferentZones": list("1"),
	} {
		s.refused(code, "VirtualMachine", "aver-manager", with(good, object{"zones": zones}))
	}
	vm := s.create("VirtualMachine", "aver-manager", with(good, object{"zones": list("2")}))
	elsewhere := &operation{kind: &kind{}, name: "aver-manager", urn: "urn:pulumi:t::t::t:T::aver-manager", inputs: object{"zones": list("2"), "location": "westus"}}
	s.wantRefusal(elsewhere.judgeZones(), "AvailabilityZoneNotSupported", "aver-manager")
	s.wantRefusal(vm.update(object{"zones": list("3")}), "PropertyChangeNotAllowed", "aver-manager")
}
