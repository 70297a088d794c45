package azure

import (
	"net/netip"
	"slices"
	"strings"
)

// interfaceKinds is the network interface. It becomes real with its VM.
var interfaceKinds = []*kind{{
	tokens:  []string{"azure-native:network/v20190601:NetworkInterface"},
	azure:   "Microsoft.Network/networkInterfaces",
	path:    networkPath + "networkInterfaces/{networkInterfaceName}",
	auto:    autoRandom,
	rule:    networkName,
	located: true,
	refs:    []string{"networkSecurityGroup.id"},
	computed: []string{"etag", "provisioningState", "resourceGuid", "macAddress", "primary", "virtualMachine", "dnsSettings",
		"hostedWorkloads", "tapConfigurations", "enableAcceleratedNetworking", "enableIPForwarding",
		"ipConfigurations.*.id", "ipConfigurations.*.etag", "ipConfigurations.*.privateIPAddress",
		"ipConfigurations.*.primary", "ipConfigurations.*.provisioningState"},
	// These are inputs in this API version. The service sets them when a VM uses the
	// interface.
	adopts:   []string{"macAddress", "primary", "ipConfigurations[0].etag"},
	filters:  true,
	judge:    judgeInterface,
	complete: completeInterface,
	touches:  noteBalancers,
	keep: func(op *operation) error {
		if vm := op.interfaceUser(op.id, ""); vm != "" {
			return op.refuse("NicInUse", "network interface %s is used by existing resource %s; it must be dissociated from it before it can be deleted", op.id, vm)
		}
		return nil
	},
}}

func judgeInterface(op *operation) error {
	configs := items(op.inputs, "ipConfigurations")
	if len(configs) == 0 {
		return op.refuse("InvalidRequestFormat", "network interface %s has no ipConfigurations", op.name)
	}
	if len(configs) > 1 {
		return op.refuse(notPlayed, "the sandbox supports interfaces of one IP configuration, this one has %d", len(configs))
	}
	config := configs[0]
	if text(config, "name") == "" || text(config, "subnet.id") == "" {
		return op.refuse("InvalidRequestFormat", "an IP configuration needs a name and a subnet")
	}
	for _, path := range []string{"subnet.id", "publicIPAddress.id"} {
		if err := op.refers("ipConfigurations[0]."+path, text(config, path)); err != nil {
			return err
		}
	}
	if err := op.judgePools(config); err != nil {
		return err
	}
	if id := text(config, "publicIPAddress.id"); id != "" {
		if user := op.addressUser(id, op.id); user != "" {
			return op.refuse("PublicIPAddressInUse", "it refers to public IP address %s that is already allocated to resource %s", id, user)
		}
	}
	if op.old != nil && op.interfaceUser(op.id, "") != "" {
		old := items(op.old.Inputs, "ipConfigurations")[0]
		for _, path := range []string{"subnet.id", "privateIPAddress"} {
			if !same(at(old, path), at(config, path)) {
				return op.refuse(notPlayed, "the sandbox cannot change ipConfigurations[0].%s of an interface on a running VM", path)
			}
		}
	}
	on, _ := flag(op.inputs, "enableAcceleratedNetworking")
	if vm := op.record.get(op.interfaceUser(op.id, "")); vm != nil {
		if err := op.judgeAcceleration(on, vm.ID, text(vm.State, "hardwareProfile.vmSize")); err != nil {
			return err
		}
	}
	return op.judgePrivate(config)
}

// judgePools requires that the interface's pools exist and that their outbound rules have
// ports for another VM.
func (op *operation) judgePools(config object) error {
	for _, pool := range items(config, "loadBalancerBackendAddressPools") {
		id := text(pool, "id")
		balancer := op.record.pool(id)
		if balancer == nil {
			return op.refuse("InvalidResourceReference", "resource %s referenced by resource %s was not found; make sure that the referenced resource exists", id, op.id)
		}
		if err := op.refers("ipConfigurations[0].loadBalancerBackendAddressPools.id", balancer.ID); err != nil {
			return err
		}
		for _, rule := range items(balancer.State, outboundRules) {
			others := 0
			for _, member := range op.record.members(id) {
				if !strings.HasPrefix(strings.ToLower(text(member, "id")), strings.ToLower(op.id)+"/") {
					others++
				}
			}
			if ports := number(rule, "allocatedOutboundPorts"); strings.EqualFold(text(rule, "backendAddressPool.id"), id) && ports*(others+1) > portsBesideRules(balancer.State, rule) {
				return op.refuse("SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAvailablePorts",
					"outbound rule %s gives each VM %d ports, and its frontend has none left for %s", text(rule, "name"), ports, op.id)
			}
		}
	}
	return nil
}

// judgePrivate refuses an unusable private address, and chooses one for a dynamic
// configuration.
func (op *operation) judgePrivate(config object) error {
	subnet := op.record.get(text(config, "subnet.id"))
	ownRange, err := netip.ParsePrefix(text(subnet.State, "addressPrefix"))
	if err != nil {
		return op.refuse("InvalidResourceReference", "%s is not a subnet", text(config, "subnet.id"))
	}
	taken := op.takenAddresses(text(config, "subnet.id"))
	if !strings.EqualFold(text(config, "privateIPAllocationMethod"), "Static") {
		if _, ok := freeAddress(ownRange, taken); !ok {
			return op.refuse("SubnetIsFull", "subnet %s with address prefix %s does not have enough capacity for 1 IP address", subnet.name(), ownRange)
		}
		return nil
	}
	address, err := netip.ParseAddr(text(config, "privateIPAddress"))
	switch {
	case err != nil:
		return op.refuse("InvalidIPAddressFormat", "'%s' is not a valid private address; a Static configuration needs one", text(config, "privateIPAddress"))
	case !ownRange.Contains(address):
		return op.refuse("PrivateIPAddressNotInSubnet", "private static IP address %s does not belong to the range of subnet prefix %s", address, ownRange)
	case reserved(ownRange, address):
		return op.refuse("PrivateIPAddressInReservedRange", "private static IP address %s falls within the addresses of subnet prefix %s that Azure keeps: the first four and the last", address, ownRange)
	case taken[address] != "":
		return op.refuse("PrivateIPAddressIsAllocated", "it uses the private IP address %s which is already allocated to resource %s", address, taken[address])
	}
	return nil
}

// takenAddresses are the private addresses of the other interfaces in a subnet.
func (op *operation) takenAddresses(subnet string) map[netip.Addr]string {
	taken := map[netip.Addr]string{}
	for _, nic := range op.record.of("NetworkInterface") {
		if strings.EqualFold(nic.ID, op.id) {
			continue
		}
		for _, config := range items(nic.State, "ipConfigurations") {
			a, err := netip.ParseAddr(text(config, "privateIPAddress"))
			if err == nil && strings.EqualFold(text(config, "subnet.id"), subnet) {
				taken[a] = nic.ID
			}
		}
	}
	return taken
}

// reserved tells whether Azure reserves the address: the first four of a subnet and the
// last.
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq
func reserved(subnet netip.Prefix, address netip.Addr) bool {
	a := subnet.Addr()
	kept := []netip.Addr{a, a.Next(), a.Next().Next(), a.Next().Next().Next()}
	return slices.Contains(kept, address) || !subnet.Contains(address.Next())
}

// freeAddress finds the first free address.
func freeAddress(subnet netip.Prefix, taken map[netip.Addr]string) (netip.Addr, bool) {
	for a := subnet.Addr(); subnet.Contains(a); a = a.Next() {
		if taken[a] == "" && !reserved(subnet, a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// completeInterface adds the service's outputs to an interface.
func completeInterface(op *operation) {
	op.completeNetworking()
	for _, list := range []string{"hostedWorkloads", "tapConfigurations"} {
		fallback(op.state, list, []any{})
	}
	fallback(op.state, "enableAcceleratedNetworking", false)
	fallback(op.state, "enableIPForwarding", false)
	fallback(op.state, "dnsSettings", object{"appliedDnsServers": []any{}, "dnsServers": []any{}})
	for _, path := range []string{"macAddress", "primary", "virtualMachine"} {
		if op.old != nil && at(op.old.State, path) != nil {
			op.state[path] = at(op.old.State, path)
		}
	}
	config := items(op.state, "ipConfigurations")[0]
	name := text(config, "name")
	config["id"], config["etag"] = op.id+"/ipConfigurations/"+name, op.state["etag"]
	config["provisioningState"], config["type"] = "Succeeded", "Microsoft.Network/networkInterfaces/ipConfigurations"
	config["primary"] = true
	fallback(config, "privateIPAddressVersion", "IPv4")
	fallback(config, "privateIPAllocationMethod", "Dynamic")
	if text(config, "privateIPAddress") == "" {
		config["privateIPAddress"] = op.dynamicAddress(text(config, "subnet.id"))
	}
}

// dynamicAddress is the interface's address, or else a free one.
func (op *operation) dynamicAddress(subnet string) string {
	ownRange, _ := netip.ParsePrefix(text(op.record.get(subnet).State, "addressPrefix"))
	if op.old != nil {
		before := text(items(op.old.State, "ipConfigurations")[0], "privateIPAddress")
		if a, err := netip.ParseAddr(before); err == nil && ownRange.Contains(a) {
			return before
		}
	}
	address, _ := freeAddress(ownRange, op.takenAddresses(subnet))
	return address.String()
}
