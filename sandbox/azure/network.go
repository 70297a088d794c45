package azure

import (
	"context"
	"net/netip"
	"strings"
)

const networkPath = "/resourceGroups/{resourceGroupName}/providers/Microsoft.Network/"

// networkKinds is the virtual network and its subnets. A network is real. Subnets are
// ranges in it; as in Azure, only rules separate them.
var networkKinds = []*kind{{
	tokens:   []string{"azure-native:network/v20190601:VirtualNetwork"},
	azure:    "Microsoft.Network/virtualNetworks",
	path:     networkPath + "virtualNetworks/{virtualNetworkName}",
	auto:     autoRandom,
	rule:     virtualNetworkName,
	located:  true,
	keeps:    true,
	replaces: []string{"location"}, // forceNewMap in azure-native's replacement.go
	computed: []string{"etag", "provisioningState", "resourceGuid", "subnets", "virtualNetworkPeerings"},
	filters:  true,
	judge:    judgeNetwork,
	complete: func(op *operation) {
		op.completeNetworking()
		fallback(op.state, "subnets", []any{})
		fallback(op.state, "virtualNetworkPeerings", []any{})
	},
	create: func(ctx context.Context, op *operation) error {
		return op.hosts.CreateNetwork(ctx, op.id, texts(op.inputs, "addressSpace.addressPrefixes")[0])
	},
	remove: func(ctx context.Context, c *Cloud, e *entry) error { return c.hosts.DeleteNetwork(ctx, e.ID) },
	keep: func(op *operation) error {
		for _, subnet := range op.record.below(op.id) {
			if user := op.subnetUser(subnet.ID); user != "" {
				return op.refuseSubnetDeletion(subnet.name(), user)
			}
		}
		return nil
	},
}, {
	tokens:   []string{"azure-native:network/v20190601:Subnet"},
	azure:    "Microsoft.Network/virtualNetworks/subnets",
	path:     networkPath + "virtualNetworks/{virtualNetworkName}/subnets/{subnetName}",
	auto:     autoCopy,
	rule:     networkName,
	refs:     []string{"networkSecurityGroup.id"},
	computed: []string{"etag", "provisioningState", "purpose", "privateEndpointNetworkPolicies", "privateLinkServiceNetworkPolicies"},
	filters:  true,
	judge:    judgeSubnet,
	complete: func(op *operation) {
		op.completeNetworking()
		drop(op.state, "resourceGuid")
		fallback(op.state, "delegations", []any{})
		fallback(op.state, "privateEndpointNetworkPolicies", "Disabled")
		fallback(op.state, "privateLinkServiceNetworkPolicies", "Enabled")
	},
	keep: func(op *operation) error {
		if user := op.subnetUser(op.id); user != "" {
			return op.refuseSubnetDeletion(op.name, user)
		}
		return nil
	},
}}

// completeNetworking adds the outputs that all resources of Microsoft.Network have.
func (op *operation) completeNetworking() {
	op.state["provisioningState"] = "Succeeded"
	op.state["etag"] = newEtag()
	op.keep("resourceGuid", freshUUID)
}

func judgeNetwork(op *operation) error {
	prefixes := texts(op.inputs, "addressSpace.addressPrefixes")
	if len(prefixes) == 0 {
		return op.refuse("InvalidRequestFormat", "addressSpace.addressPrefixes is missing: a virtual network needs an address space")
	}
	if len(items(op.inputs, "subnets")) > 0 {
		return op.refuse(notPlayed, "the sandbox does not support subnets inside the network's own definition; use Subnet resources")
	}
	if len(prefixes) > 1 {
		return op.refuse(notPlayed, "the sandbox supports networks of one address prefix, this one has %d", len(prefixes))
	}
	space, err := op.prefix(prefixes[0])
	if err != nil {
		return err
	}
	for _, subnet := range op.record.below(op.id) {
		if p, err := netip.ParsePrefix(text(subnet.State, "addressPrefix")); err == nil && !within(space, p) {
			return op.refuse("InUsePrefixCannotBeDeleted", "address space %s leaves out subnet %s (%s)", space, subnet.name(), p)
		}
	}
	if op.old != nil && !same(at(op.old.Inputs, "addressSpace"), at(op.inputs, "addressSpace")) {
		return op.refuse(notPlayed, "the sandbox cannot change the address space of a network that exists")
	}
	return nil
}

func judgeSubnet(op *operation) error {
	for _, path := range []string{"natGateway", "routeTable", "delegations", "serviceEndpoints"} {
		if v := at(op.inputs, path); v != nil && !same(v, []any{}) {
			return op.refuse(notPlayed, "the sandbox does not support a subnet's %s", path)
		}
	}
	network := op.record.get(op.kind.container(op.record.Subscription, op.inputs))
	own, err := op.prefix(text(op.inputs, "addressPrefix"))
	if err != nil {
		return err
	}
	space, _ := netip.ParsePrefix(texts(network.State, "addressSpace.addressPrefixes")[0])
	if !within(space, own) {
		return op.refuse("NetcfgInvalidSubnet", "subnet '%s' (%s) is not valid in virtual network '%s': its range is outside of %s",
			op.name, own, network.name(), space)
	}
	if own.Bits() > 29 {
		// https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq: /29 is the smallest.
		return op.refuse("NetcfgInvalidSubnet", "subnet '%s' (%s) is too small: Azure keeps five addresses of each, /29 is the least", op.name, own)
	}
	for _, other := range op.record.below(network.ID) {
		p, err := netip.ParsePrefix(text(other.State, "addressPrefix"))
		if err == nil && !strings.EqualFold(other.ID, op.id) && p.Overlaps(own) {
			return op.refuse("NetcfgSubnetRangesOverlap", "subnet '%s' (%s) is not valid: its range overlaps with that of subnet '%s' (%s) in virtual network '%s'",
				op.name, own, other.name(), p, network.name())
		}
	}
	return nil
}

// prefix parses an address range as Microsoft.Network does: the host's bits must be zero.
func (op *operation) prefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, op.refuse("InvalidAddressPrefixFormat", "address prefix '%s' is not in the format of 10.0.0.0/24", s)
	}
	if p != p.Masked() {
		return p, op.refuse("InvalidCIDRNotation", "the address prefix %s has an invalid CIDR notation: for this prefix length it should be %s", s, p.Masked())
	}
	return p, nil
}

// within tells whether inner is inside outer.
func within(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// subnetUser finds an interface configuration in a subnet.
func (op *operation) subnetUser(id string) string {
	for _, nic := range op.record.of("NetworkInterface") {
		for _, config := range items(nic.State, "ipConfigurations") {
			if strings.EqualFold(text(config, "subnet.id"), id) {
				return nic.ID + "/ipConfigurations/" + text(config, "name")
			}
		}
	}
	return ""
}

func (op *operation) refuseSubnetDeletion(subnet, user string) error {
	return op.refuse("InUseSubnetCannotBeDeleted", "subnet %s is in use by %s and cannot be deleted; delete what is in it first", subnet, user)
}
