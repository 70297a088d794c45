package infra

import (
	"fmt"
	"slices"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
)

// The names of the balancer's parts. The parts name one another by their ids.
const (
	frontend     = "entry"
	backend      = "nodes"
	outboundRule = "outbound"
)

const (
	// probeSeconds is the shortest interval that Azure accepts. Azure also requires a number of
	// probes and ignores it: one unanswered probe takes a node out.
	// https://learn.microsoft.com/cli/azure/network/lb/probe
	probeSeconds = 5
	probeMisses  = 2
	// idleMinutes is Azure's shortest time-out, after which both ends get a reset.
	idleMinutes = 4
	// outboundPorts is how many connections to one address and port the nodes can have open
	// together: the ports of one public address without those of 64 rules, each of which
	// reserves a range of eight.
	// https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections
	outboundPorts = 64000 - 64*8
)

// balancerParts is the balancer's own id, below which its parts are named. The balancer
// does not exist yet when the parts are written.
type balancerParts string

func (b *builder) balancerParts() balancerParts {
	return balancerParts(fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/loadBalancers/%s",
		b.account.SubscriptionId, b.names.ResourceGroup(), b.names.Balancer()))
}

func (p balancerParts) part(kind, name string) network.SubResourceArgs {
	return network.SubResourceArgs{Id: pulumi.String(string(p) + "/" + kind + "/" + name)}
}

// balancerSetLater are inputs, as this API version has them, that change whenever a
// network interface joins the pool or leaves it; see setLater.
var balancerSetLater = []string{
	"frontendIPConfigurations[*].etag", "backendAddressPools[*].etag", "probes[*].etag",
	"loadBalancingRules[*].etag", "outboundRules[*].etag",
}

// newBalancer makes the load balancer in front of all nodes with an address of its
// own: a rule and a probe for each public port, and an outbound rule through which
// nodes without a public address reach the internet (docs/decisions/0018).
func (b *builder) newBalancer() error {
	if !b.args.LoadBalancer {
		return nil
	}
	address, err := b.newAddress("entry-ip", b.names.EntryIP(), b.balancerLabel())
	if err != nil {
		return err
	}
	explained, err := failure.Explain(b.ctx, b.child("balancer-refused"), b.balancerRefused)
	if err != nil {
		return err
	}
	parts := b.balancerParts()
	probes, rules := b.balancerRules(parts)
	b.entryIP = address
	b.balancer, err = network.NewLoadBalancer(b.ctx, b.child("balancer"), &network.LoadBalancerArgs{
		ResourceGroupName: b.group.Name,
		Location:          b.location(),
		LoadBalancerName:  pulumi.String(b.names.Balancer()),
		Sku:               network.LoadBalancerSkuArgs{Name: pulumi.String("Standard")},
		FrontendIPConfigurations: network.FrontendIPConfigurationArray{network.FrontendIPConfigurationArgs{
			Name:            pulumi.String(frontend),
			PublicIPAddress: network.PublicIPAddressTypeArgs{Id: address.ID()},
		}},
		BackendAddressPools: network.BackendAddressPoolArray{network.BackendAddressPoolArgs{Name: pulumi.String(backend)}},
		Probes:              probes,
		LoadBalancingRules:  rules,
		OutboundRules: network.OutboundRuleArray{network.OutboundRuleArgs{
			Name:                     pulumi.String(outboundRule),
			Protocol:                 pulumi.String("All"),
			FrontendIPConfigurations: network.SubResourceArray{parts.part("frontendIPConfigurations", frontend)},
			BackendAddressPool:       parts.part("backendAddressPools", backend),
			AllocatedOutboundPorts:   pulumi.Int(portsOfEach(b.args.Managers + b.args.Workers)),
			EnableTcpReset:           pulumi.Bool(true),
			IdleTimeoutInMinutes:     pulumi.Int(idleMinutes),
		}},
		Tags: b.tags(),
	}, b.parent(), pulumi.IgnoreChanges(balancerSetLater), explained)
	return err
}

// balancerRules are a probe and a rule for each public port. The outbound rule has the
// same frontend, so the others must not send anything out through it.
func (b *builder) balancerRules(parts balancerParts) (network.ProbeArray, network.LoadBalancingRuleArray) {
	var probes network.ProbeArray
	var rules network.LoadBalancingRuleArray
	// Sorted: the same ports in another order would be an update that changes nothing.
	for _, port := range slices.Sorted(slices.Values(b.args.PublicPorts)) {
		name := fmt.Sprintf("tcp-%d", port)
		probes = append(probes, network.ProbeArgs{
			Name:              pulumi.String(name),
			Protocol:          pulumi.String("Tcp"),
			Port:              pulumi.Int(port),
			IntervalInSeconds: pulumi.Int(probeSeconds),
			NumberOfProbes:    pulumi.Int(probeMisses),
		})
		rules = append(rules, network.LoadBalancingRuleArgs{
			Name:                    pulumi.String(name),
			Protocol:                pulumi.String("Tcp"),
			FrontendPort:            pulumi.Int(port),
			BackendPort:             pulumi.Int(port),
			FrontendIPConfiguration: parts.part("frontendIPConfigurations", frontend),
			BackendAddressPool:      parts.part("backendAddressPools", backend),
			Probe:                   parts.part("probes", name),
			LoadDistribution:        pulumi.String("Default"),
			IdleTimeoutInMinutes:    pulumi.Int(idleMinutes),
			EnableTcpReset:          pulumi.Bool(true),
			EnableFloatingIP:        pulumi.Bool(false),
			DisableOutboundSnat:     pulumi.Bool(true),
		})
	}
	return probes, rules
}

// pools are the pools that a node's network interface is in.
func (b *builder) pools() network.BackendAddressPoolArrayInput {
	if b.balancer == nil {
		return nil
	}
	return network.BackendAddressPoolArray{network.BackendAddressPoolArgs{
		Id: pulumi.Sprintf("%s/backendAddressPools/%s", b.balancer.ID(), backend),
	}}
}

// portSteps are numbers of nodes, and how many outbound ports each node has up to that
// number. The ports are always a multiple of 8, which Azure requires, and as many as each
// of twice the number of nodes could have. Azure refuses more ports than the address has,
// in the middle of an update that adds nodes before the balancer knows, or removes them
// after it does. A change ends the open connections, so it is made at few numbers of nodes
// only.
var portSteps = []struct{ nodes, ports int }{{8, 3968}, {16, 1984}, {32, 992}}

// portsOfEach is how many outbound ports each of so many nodes has.
func portsOfEach(nodes int) int {
	for _, step := range portSteps {
		if nodes <= step.nodes {
			return step.ports
		}
	}
	return outboundPorts / (maxManagers + maxWorkers) / 8 * 8
}
