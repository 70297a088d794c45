package azure

import (
	"strings"
	"testing"
)

func TestNetworkRefusals(t *testing.T) {
	s := newScene(t)
	vnet := func(changes object) object {
		return with(object{"resourceGroupName": "aver-rg", "virtualNetworkName": "other", "addressSpace": object{"addressPrefixes": list("10.1.0.0/16")}}, changes)
	}
	for _, c := range []struct {
		code, token string
		inputs      object
	}{
		{"InvalidResourceName", "azure-native:resources:ResourceGroup", object{"resourceGroupName": "ends.", "location": "westeurope"}},
		{"missing required property 'location'", "azure-native:resources:ResourceGroup", object{"resourceGroupName": "rg2"}},
		{"InvalidResourceName", "VirtualNetwork", vnet(object{"virtualNetworkName": "n"})},
		{"InvalidResourceName", "VirtualNetwork", vnet(object{"virtualNetworkName": "-net"})},
		{"InvalidAddressPrefixFormat", "VirtualNetwork", vnet(object{"addressSpace": object{"addressPrefixes": list("10.1.0.0")}})},
		{"InvalidCIDRNotation", "VirtualNetwork", vnet(object{"addressSpace": object{"addressPrefixes": list("10.1.0.1/16")}})},
		{"InvalidRequestFormat", "VirtualNetwork", vnet(object{"addressSpace": nil})},
		{notPlayed, "VirtualNetwork", vnet(object{"addressSpace": object{"addressPrefixes": list("10.1.0.0/16", "10.2.0.0/16")}})},
		{notPlayed, "VirtualNetwork", vnet(object{"subnets": []any{object{"name": "a"}}})},
		{"ResourceGroupNotFound", "VirtualNetwork", vnet(object{"resourceGroupName": "none", "location": "westeurope"})},
		{"missing required property 'resourceGroupName'", "VirtualNetwork", vnet(object{"resourceGroupName": nil})},
		{"NetcfgInvalidSubnet", "Subnet", with(s.subnetArgs("10.1.0.0/24"), object{"subnetName": "b"})},
		{"NetcfgInvalidSubnet", "Subnet", with(s.subnetArgs("10.0.1.0/30"), object{"subnetName": "b"})},
		{"NetcfgSubnetRangesOverlap", "Subnet", with(s.subnetArgs("10.0.0.128/25"), object{"subnetName": "b"})},
		{"ParentResourceNotFound", "Subnet", with(s.subnetArgs("10.0.1.0/24"), object{"virtualNetworkName": "none"})},
		{"InvalidResourceReference", "Subnet", with(s.subnetArgs("10.0.1.0/24"), object{"subnetName": "b", "networkSecurityGroup.id": s.nsg.id + "x"})},
		{notPlayed, "Subnet", with(s.subnetArgs("10.0.1.0/24"), object{"subnetName": "b", "natGateway": object{"id": "/subscriptions/x"}})},
		{notPlayed, "Subnet", with(s.subnetArgs("10.0.1.0/24"), object{"subnetName": "b", "routeTable": object{"id": "/subscriptions/x"}})},
		{"IPv4BasicSkuPublicIpCountLimitReached", "PublicIPAddress", with(addressArgs("ip"), object{"sku": nil})},
		{"IPv4BasicSkuPublicIpCountLimitReached", "PublicIPAddress", with(addressArgs("ip"), object{"sku": object{"name": "Basic"}})},
		{"StandardSkuPublicIPAddressesMustBeStatic", "PublicIPAddress", with(addressArgs("ip"), object{"publicIPAllocationMethod": "Dynamic"})},
		{"InvalidDomainNameLabel", "PublicIPAddress", with(addressArgs("ip"), object{"dnsSettings": object{"domainNameLabel": "Aver"}})},
	} {
		s.refused(c.code, c.token, "bad", c.inputs)
	}
	again := object{"resourceGroupName": "aver-rg", "virtualNetworkName": "AVER-NET", "addressSpace": object{"addressPrefixes": list("10.9.0.0/16")}}
	if _, err := s.try("VirtualNetwork", "again", again); err == nil || !strings.Contains(err.Error(), "already existing") {
		t.Errorf("ids are compared with regard to case: %v", err)
	}
}

func TestInterfaceAddresses(t *testing.T) {
	s := newScene(t)
	public := s.create("PublicIPAddress", "ip", addressArgs("ip"))
	first := s.create("NetworkInterface", "first", s.nicArgs("first", "", public))
	if got := text(first.state, "ipConfigurations.0.privateIPAddress"); got != "10.0.0.4" {
		t.Errorf("the first dynamic address is %s", got)
	}
	for _, c := range []struct {
		code    string
		inputs  object
		changes object
	}{
		{code: "PrivateIPAddressIsAllocated", inputs: s.nicArgs("b", "10.0.0.4", nil)},
		{code: "PrivateIPAddressNotInSubnet", inputs: s.nicArgs("b", "10.0.1.4", nil)},
		{code: "PrivateIPAddressInReservedRange", inputs: s.nicArgs("b", "10.0.0.3", nil)},
		{code: "PrivateIPAddressInReservedRange", inputs: s.nicArgs("b", "10.0.0.255", nil)},
		{code: "InvalidIPAddressFormat", inputs: s.nicArgs("b", "ten", nil)},
		{code: "PublicIPAddressInUse", inputs: s.nicArgs("b", "10.0.0.9", public)},
		{code: "InvalidRequestFormat", inputs: with(s.nicArgs("b", "", nil), object{"ipConfigurations": nil})},
		{code: "InvalidResourceReference", inputs: with(s.nicArgs("b", "", nil), object{"networkSecurityGroup": object{"id": "/subscriptions/none"}})},
	} {
		s.refused(c.code, "NetworkInterface", "second", c.inputs)
	}
	s.create("Subnet", "tiny", with(s.subnetArgs("10.0.9.0/29"), object{"subnetName": "tiny"}))
	inTiny := func(name string) object {
		a := s.nicArgs(name, "", nil)
		items(a, "ipConfigurations")[0]["subnet"] = object{"id": strings.Replace(s.subnet.id, "/nodes", "/tiny", 1)}
		return a
	}
	for _, name := range []string{"a", "b", "c"} {
		s.create("NetworkInterface", name, inTiny(name))
	}
	s.refused("SubnetIsFull", "NetworkInterface", "d", inTiny("d"))
}

// Resources that refer to each other are in one region.
func TestRegionsDoNotMix(t *testing.T) {
	s := newScene(t)
	far := func(o object) object { return with(o, object{"location": "northeurope"}) }
	public := s.create("PublicIPAddress", "far-ip", far(addressArgs("far-ip")))
	group := s.create("NetworkSecurityGroup", "far-nsg", far(object{"resourceGroupName": "aver-rg", "networkSecurityGroupName": "far-nsg"}))
	for name, inputs := range map[string]object{
		"interface and network": far(s.nicArgs("nic", "", nil)),
		"interface and address": s.nicArgs("nic", "", public),
		"interface and group":   with(s.nicArgs("nic", "", nil), object{"networkSecurityGroup": object{"id": group.id}}),
	} {
		if msg := s.refused("InvalidResourceReference", "NetworkInterface", "nic", inputs); !strings.Contains(msg, "same region") {
			t.Errorf("%s: %s", name, msg)
		}
	}
	s.refused("InvalidResourceReference", "Subnet", "far", with(s.subnetArgs("10.0.1.0/24"), object{"subnetName": "far", "networkSecurityGroup.id": group.id}))
	s.create("NetworkInterface", "near", with(s.nicArgs("near", "", nil), object{"location": "West Europe"}))
}

func TestInUseCannotBeDeleted(t *testing.T) {
	s := newScene(t)
	vm, nic, public := s.node("aver-manager", "10.0.0.4")
	for code, r := range map[string]*res{
		"NicInUse": nic, "PublicIPAddressCannotBeDeleted": public, "InUseSubnetCannotBeDeleted": s.subnet,
		"InUseNetworkSecurityGroupCannotBeDeleted": s.nsg,
	} {
		s.wantRefusal(r.delete(), code, r.name)
	}
	s.wantRefusal(s.net.delete(), "InUseSubnetCannotBeDeleted", "aver-net")
	for _, r := range []*res{vm, nic, public, s.subnet, s.nsg, s.net, s.group} {
		if err := r.delete(); err != nil {
			t.Errorf("in the right order: %v", err)
		}
	}
	if n := len(s.cloud.record.Resources); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

func TestSecurityRuleRefusals(t *testing.T) {
	s := newScene(t)
	s.create("SecurityRule", "ssh", ruleArgs("ssh", 100, nil))
	for _, c := range []struct {
		code    string
		changes object
	}{
		{"SecurityRuleConflict", object{"priority": 100.0}},
		{"SecurityRuleInvalidPriority", object{"priority": 99.0}},
		{"SecurityRuleInvalidPriority", object{"priority": nil}},
		{"SecurityRuleInvalidPortRange", object{"destinationPortRange": "65536"}},
		{"SecurityRuleInvalidPortRange", object{"destinationPortRange": "90-80"}},
		{"SecurityRuleInvalidPortRange", object{"destinationPortRange": nil}},
		{"SecurityRuleInvalidAddressPrefix", object{"sourceAddressPrefix": "10.0.0.0/33"}},
		{"SecurityRuleInvalidAddressPrefix", object{"sourceAddressPrefix": nil}},
		{"SecurityRuleParameterContainsUnsupportedValue", object{"sourceAddressPrefix": nil, "sourceAddressPrefixes": list("10.0.0.0/8", "*")}},
		{"SecurityRuleParameterContainsUnsupportedValue", object{"sourceAddressPrefix": nil, "sourceAddressPrefixes": list("VirtualNetwork")}},
		{"SecurityRuleParameterContainsUnsupportedValue", object{"destinationAddressPrefix": nil, "destinationAddressPrefixes": list("Storage.WestEurope")}},
		{"InvalidRequestFormat", object{"protocol": "http"}},
		{"InvalidRequestFormat", object{"direction": "In"}},
		{"missing required property 'access'", object{"access": nil}},
		{"ParentResourceNotFound", object{"networkSecurityGroupName": "none"}},
		{notPlayed, object{"sourcePortRange": "1024"}},
	} {
		s.refused(c.code, "SecurityRule", "web", ruleArgs("web", 200, c.changes))
	}
	s.create("SecurityRule", "out", ruleArgs("out", 100, object{"direction": "Outbound"}))
	s.wantRefusal(s.nsg.update(object{"securityRules": []any{ruleArgs("inline", 300, nil)}}), "RulesInlineAndStandalone", "aver-nsg")
}

func TestInlineRules(t *testing.T) {
	s := newScene(t)
	inline := []any{with(ruleArgs("a", 100, nil), object{"name": "a"}), with(ruleArgs("b", 100, nil), object{"name": "b"})}
	s.wantRefusal(s.nsg.update(object{"securityRules": inline}), "SecurityRuleConflict", "aver-nsg")
	if err := s.nsg.update(object{"securityRules": inline[:1]}); err != nil {
		t.Fatal(err)
	}
	s.refused("RulesInlineAndStandalone", "SecurityRule", "web", ruleArgs("web", 200, nil))
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	if !allows(s.fake.filters[text(vm.state, "vmId")], "tcp", "203.0.113.1", 8080) {
		t.Error("an inline rule is not in force")
	}
}

func TestAutonaming(t *testing.T) {
	s := newScene(t)
	r := s.create("PublicIPAddress", "ip", with(addressArgs("x"), object{"publicIpAddressName": nil}))
	if name := text(r.state, "name"); len(name) != len("ip")+8 || !strings.HasPrefix(name, "ip") {
		t.Errorf("named %s", name)
	}
	if d := r.diff(object{"sku": object{"name": "Premium"}}); d.DeleteBeforeReplace {
		t.Error("a randomly named resource is deleted before it is replaced")
	}
	if r := s.create("SecurityRule", "web", with(ruleArgs("web", 200, nil), object{"securityRuleName": nil})); text(r.state, "name") != "web" {
		t.Errorf("a rule is named %v", r.state["name"])
	}
	if text(r.state, "location") != "westeurope" {
		t.Errorf("the group's location is not taken: %v", r.state["location"])
	}
}
