package infra

import (
	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// newNetwork makes the virtual network and the nodes' subnet, which carries the
// packet filter for all of them.
func (b *builder) newNetwork(filter *network.NetworkSecurityGroup) (*network.Subnet, error) {
	vnet, err := network.NewVirtualNetwork(b.ctx, b.child("net"), &network.VirtualNetworkArgs{
		ResourceGroupName:  b.group.Name,
		Location:           b.location(),
		VirtualNetworkName: pulumi.String(b.names.VirtualNetwork()),
		AddressSpace:       network.AddressSpaceArgs{AddressPrefixes: pulumi.StringArray{pulumi.String(b.args.VnetCidr)}},
		Tags:               b.tags(),
	}, b.parent())
	if err != nil {
		return nil, err
	}
	return network.NewSubnet(b.ctx, b.child("nodes"), &network.SubnetArgs{
		ResourceGroupName:    b.group.Name,
		VirtualNetworkName:   vnet.Name,
		SubnetName:           pulumi.String(b.names.Subnet()),
		AddressPrefix:        pulumi.String(b.args.SubnetCidr),
		NetworkSecurityGroup: network.NetworkSecurityGroupTypeArgs{Id: filter.ID()},
	}, b.parent())
}

// setLater are inputs of an interface, as this API version has it, that Azure
// fills in when a VM takes the interface. A refresh takes them for drift
// (#4722, by design), so every daily drift run would report them.
var setLater = []string{"macAddress", "primary", "ipConfigurations[*].etag"}

// newAddress makes a public address, with a DNS label where there is one. It is
// Standard and static: Basic ones are retired, and dynamic ones do not exist until a
// VM runs. It names no zones, which in this API version is an address of all
// zones (docs/decisions/0017).
func (b *builder) newAddress(key, name, label string) (*network.PublicIPAddress, error) {
	args := &network.PublicIPAddressArgs{
		ResourceGroupName:        b.group.Name,
		Location:                 b.location(),
		PublicIpAddressName:      pulumi.String(name),
		PublicIPAllocationMethod: pulumi.String("Static"),
		PublicIPAddressVersion:   pulumi.String("IPv4"),
		Sku:                      network.PublicIPAddressSkuArgs{Name: pulumi.String("Standard")},
		Tags:                     b.tags(),
	}
	options := []pulumi.ResourceOption{b.parent()}
	if label != "" {
		args.DnsSettings = network.PublicIPAddressDnsSettingsArgs{DomainNameLabel: pulumi.String(label)}
		options = append(options, b.labelled)
	}
	return network.NewPublicIPAddress(b.ctx, b.child(key), args, options...)
}

// nodeAddress makes a node's public address, where the node has one: managers are logged in
// to there, but workers need none if there is a balancer, through which they reach the
// internet.
func (b *builder) nodeAddress(n node) (*network.PublicIPAddress, error) {
	label := ""
	switch {
	case n.role == host.Worker && b.args.LoadBalancer:
		return nil, nil
	case n.name == b.args.FirstManager():
		label = b.label()
	}
	return b.newAddress(n.key+"-ip", b.names.PublicIP(n.name), label)
}

// newInterface makes a node's network interface, with its public address unless that
// is nil.
func (b *builder) newInterface(n node, subnet *network.Subnet, address *network.PublicIPAddress) (*network.NetworkInterface, error) {
	primary := network.NetworkInterfaceIPConfigurationArgs{
		Name:                            pulumi.String("primary"),
		Primary:                         pulumi.Bool(true),
		Subnet:                          network.SubnetTypeArgs{Id: subnet.ID()},
		PrivateIPAddress:                pulumi.String(n.address),
		PrivateIPAllocationMethod:       pulumi.String("Static"),
		LoadBalancerBackendAddressPools: b.pools(),
	}
	if address != nil {
		primary.PublicIPAddress = network.PublicIPAddressTypeArgs{Id: address.ID()}
	}
	args := &network.NetworkInterfaceArgs{
		ResourceGroupName:    b.group.Name,
		Location:             b.location(),
		NetworkInterfaceName: pulumi.String(b.names.NIC(n.name)),
		IpConfigurations:     network.NetworkInterfaceIPConfigurationArray{primary},
		Tags:                 b.tags(),
	}
	if accelerated(n.size) { // Azure refuses it for sizes that do not support it, and some sizes require it
		args.EnableAcceleratedNetworking = pulumi.Bool(true)
	}
	return network.NewNetworkInterface(b.ctx, b.child(n.key+"-nic"), args, b.parent(), pulumi.IgnoreChanges(setLater))
}
