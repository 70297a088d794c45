package infra

import (
	"slices"
	"strconv"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// rule is one line of the packet filter, for traffic that comes in.
type rule struct {
	Name         string
	Priority     int
	Allow        bool
	Protocol     string // Tcp, Udp, Esp or *
	Sources      []string
	Destinations []string
	Ports        []string
	Why          string
}

const (
	anything       = "*"
	virtualNetwork = "VirtualNetwork"
	// loadBalancer is 168.63.129.16, from which Azure's load balancers probe. It is a
	// part of VirtualNetwork, which deny-vnet keeps out.
	loadBalancer = "AzureLoadBalancer"
)

// securityRules is the whole filter, derived from the configuration alone. Azure applies a
// rule after the public address has been translated, so destinations are private addresses.
// Traffic that no rule allows is denied: from outside by Azure's own last rule, and from
// inside the network by our last rule, because Azure's default lets the whole virtual
// network in. The number of nodes does not matter.
func securityRules(c Config) []rule {
	managers, workers := []string{c.managerBlock()}, []string{c.workerBlock()}
	nodes := slices.Concat(managers, workers)
	rules := []rule{
		{"ssh", 100, true, "Tcp", c.SSHCidrs, managers, []string{"22"}, "SSH to the managers; workers are reached through them"},
	}
	if len(c.PublicPorts) > 0 {
		rules = append(rules, rule{"public", 110, true, "Tcp", []string{anything}, nodes, texts(c.PublicPorts), "the application, for everybody"},
			rule{"balancer-probes", 115, true, "Tcp", []string{loadBalancer}, nodes, texts(c.PublicPorts), "the load balancer's probes, whatever becomes of the rule public"})
	}
	if len(c.AdminPorts) > 0 && len(c.AdminCidrs) > 0 {
		rules = append(rules, rule{"admin", 120, true, "Tcp", c.AdminCidrs, nodes, texts(c.AdminPorts), "admin pages, for the networks named"})
	}
	rules = append(rules,
		rule{"swarm-management", 200, true, "Tcp", nodes, managers, []string{"2377"}, "joining and managing the Swarm"},
		rule{"swarm-gossip-tcp", 210, true, "Tcp", nodes, nodes, []string{"7946"}, "the nodes tell each other who is there"},
		rule{"swarm-gossip-udp", 220, true, "Udp", nodes, nodes, []string{"7946"}, "the nodes tell each other who is there"},
		rule{"swarm-overlay", 230, true, "Udp", nodes, nodes, []string{"4789"}, "overlay networks (VXLAN)"},
		// Docker's IPsec for networks with driver_opts encrypted; Azure passes ESP
		// inside a virtual network: https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq
		rule{"swarm-encrypted", 235, true, "Esp", nodes, nodes, []string{anything}, "overlay networks that are encrypted (IPsec)"},
		rule{"ssh-jump", 240, true, "Tcp", managers, workers, []string{"22"}, "SSH to the workers through a manager"},
		rule{"deny-vnet", 4000, false, anything, []string{virtualNetwork}, []string{anything}, []string{anything},
			"nothing else between machines of this network"},
	)
	return rules
}

// texts writes ports as Azure wants them.
func texts(ports []int) []string {
	list := make([]string, 0, len(ports))
	for _, port := range ports {
		list = append(list, strconv.Itoa(port))
	}
	return list
}

// newSecurity makes the filter: rules as resources of their own, never inline,
// since the two forms undo each other. Azure's own default rules are inputs in
// this API version, each with an etag that changes with every rule of ours; a
// refresh takes that for drift (#4722, by design).
func (b *builder) newSecurity() (*network.NetworkSecurityGroup, []pulumi.Resource, error) {
	group, err := network.NewNetworkSecurityGroup(b.ctx, b.child("nodes"), &network.NetworkSecurityGroupArgs{
		ResourceGroupName:        b.group.Name,
		Location:                 b.location(),
		NetworkSecurityGroupName: pulumi.String(b.names.SecurityGroup()),
		Tags:                     b.tags(),
	}, b.parent(), pulumi.IgnoreChanges([]string{"defaultSecurityRules"}))
	if err != nil {
		return nil, nil, err
	}
	rules := []pulumi.Resource{}
	if err := b.args.Drift.Tell(b.ctx, b.infra, b.opening()); err != nil {
		return nil, nil, err
	}
	for _, r := range securityRules(b.args.Config) {
		made, err := network.NewSecurityRule(b.ctx, b.child(r.Name), b.ruleArgs(group, r), b.parent())
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, made)
	}
	return group, rules, nil
}

// ruleArgs writes a rule as Azure wants it: one value in the singular property,
// several in the plural one, in which tags and * are refused.
func (b *builder) ruleArgs(group *network.NetworkSecurityGroup, r rule) *network.SecurityRuleArgs {
	args := &network.SecurityRuleArgs{
		ResourceGroupName:        b.group.Name,
		NetworkSecurityGroupName: group.Name,
		SecurityRuleName:         pulumi.String(r.Name),
		Description:              pulumi.String(r.Why),
		Priority:                 pulumi.Int(r.Priority),
		Direction:                pulumi.String("Inbound"),
		Access:                   pulumi.String("Deny"),
		Protocol:                 pulumi.String(r.Protocol),
		SourcePortRange:          pulumi.String(anything),
	}
	if r.Allow {
		args.Access = pulumi.String("Allow")
	}
	args.SourceAddressPrefix, args.SourceAddressPrefixes = oneOrMany(r.Sources)
	args.DestinationAddressPrefix, args.DestinationAddressPrefixes = oneOrMany(r.Destinations)
	args.DestinationPortRange, args.DestinationPortRanges = oneOrMany(r.Ports)
	return args
}

func oneOrMany(values []string) (pulumi.StringPtrInput, pulumi.StringArrayInput) {
	if len(values) == 1 {
		return pulumi.String(values[0]), nil
	}
	return nil, pulumi.ToStringArray(values)
}
