package azure

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"averazure/sandbox/hosts"
)

// place is a VM's address and its network's address space.
type place struct {
	address netip.Addr
	network []netip.Prefix
}

// effective works out which traffic reaches a VM. It returns the inbound rules of one or
// two groups (the subnet's, then the interface's) as one list, to be read in order.
// Everything else is denied.
//
// Within a group the matching rule with the lowest number decides. Both groups must let
// traffic through. The destination of a rule is the private address, because Azure looks at
// traffic after it has translated the public one
// (https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works).
// Without any group a Standard public address does not let any traffic in
// (https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#sku),
// and within the network everything passes.
func effective(groups [][]securityRule, at place) []hosts.Rule {
	if len(groups) == 0 && len(at.network) == 0 {
		return nil // a rule without sources would match everybody
	}
	if len(groups) == 0 {
		return []hosts.Rule{{Allow: true, Protocol: "*", Sources: at.network}}
	}
	rules := inForce(groups[0], at)
	for _, group := range groups[1:] {
		rules = both(rules, inForce(group, at))
	}
	return tidy(rules)
}

// inForce are a group's inbound rules for this VM, in order.
func inForce(group []securityRule, at place) []hosts.Rule {
	ordered := slices.Clone(group)
	ordered = append(ordered, defaultRules()...)
	slices.SortStableFunc(ordered, func(a, b securityRule) int { return cmp.Compare(a.priority, b.priority) })
	var rules []hosts.Rule
	for _, r := range ordered {
		if !r.inbound || !r.concerns(at) {
			continue
		}
		rules = append(rules, hosts.Rule{Allow: r.allow, Protocol: r.protocol, Sources: at.resolve(r.sources), Ports: r.ports})
	}
	return rules
}

// concerns tells whether the VM is among the rule's destinations.
func (r securityRule) concerns(at place) bool {
	return slices.ContainsFunc(at.resolve(r.destinations), func(p netip.Prefix) bool { return p.Contains(at.address) })
}

// resolve turns addresses and tags into ranges. An unknown tag has none.
func (at place) resolve(prefixes []string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range prefixes {
		if p, ok := addressRange(s); ok {
			out = append(out, p)
			continue
		}
		switch strings.ToLower(s) {
		case "*":
			out = append(out, everywhere)
		case "virtualnetwork":
			out = append(out, at.network...)
			out = append(out, platform) // the tag includes it; see the page on service tags
		case "azureloadbalancer":
			out = append(out, platform)
		case "internet":
			out = append(out, outside(append([]netip.Prefix{platform}, at.network...))...)
		}
	}
	return out
}

// outside is everything but the given ranges.
func outside(ranges []netip.Prefix) []netip.Prefix {
	left := []netip.Prefix{everywhere}
	for _, hole := range ranges {
		var next []netip.Prefix
		for _, p := range left {
			next = append(next, without(p, hole)...)
		}
		left = next
	}
	return left
}

// without cuts hole out of p by halving p until the halves are in or out.
func without(p, hole netip.Prefix) []netip.Prefix {
	switch {
	case !p.Overlaps(hole):
		return []netip.Prefix{p}
	case hole.Bits() <= p.Bits():
		return nil
	}
	low, high := halves(p)
	return append(without(low, hole), without(high, hole)...)
}

func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits()
	address := p.Addr().As4()
	address[bits/8] |= 0x80 >> (bits % 8)
	return netip.PrefixFrom(p.Addr(), bits+1), netip.PrefixFrom(netip.AddrFrom4(address), bits+1)
}

// both lets through only what a and b both let through. It combines every rule of a with
// every rule of b, in order. A combination matches what both rules match. The first
// combination that matches a packet consists of the first matching rule of a and the first
// matching rule of b.
func both(a, b []hosts.Rule) []hosts.Rule {
	var out []hosts.Rule
	for _, first := range a {
		if !first.Allow {
			out = append(out, first) // denied, whatever b says
			continue
		}
		for _, second := range b {
			if r, ok := intersect(first, second); ok {
				out = append(out, r)
			}
		}
	}
	return out
}

func intersect(a, b hosts.Rule) (hosts.Rule, bool) {
	r := hosts.Rule{Allow: a.Allow && b.Allow, Protocol: a.Protocol}
	switch {
	case a.Protocol == "*":
		r.Protocol = b.Protocol
	case b.Protocol != "*" && b.Protocol != a.Protocol:
		return r, false
	}
	for _, p := range a.Sources {
		for _, q := range b.Sources {
			switch {
			case within(p, q):
				r.Sources = append(r.Sources, q)
			case within(q, p):
				r.Sources = append(r.Sources, p)
			}
		}
	}
	var match bool
	r.Ports, match = commonPorts(a.Ports, b.Ports)
	return r, match && len(r.Sources) > 0
}

// commonPorts intersects two lists of ranges; nil is every port.
func commonPorts(a, b []hosts.PortRange) (common []hosts.PortRange, any bool) {
	if a == nil {
		return b, true
	}
	if b == nil {
		return a, true
	}
	for _, p := range a {
		for _, q := range b {
			if from, to := max(p.From, q.From), min(p.To, q.To); from <= to {
				common = append(common, hosts.PortRange{From: from, To: to})
			}
		}
	}
	return common, len(common) > 0
}

// tidy drops rules that match nothing, splits rules for some ports of every protocol into
// tcp and udp, and drops rules that the final denial covers.
func tidy(rules []hosts.Rule) []hosts.Rule {
	var out []hosts.Rule
	for _, r := range rules {
		r.Sources = slices.DeleteFunc(slices.Clone(r.Sources), func(p netip.Prefix) bool { return !p.Addr().Is4() })
		if len(r.Sources) == 0 {
			continue
		}
		switch {
		case slices.Contains([]string{"icmp", "esp", "ah"}, r.Protocol):
			r.Ports = nil
		case r.Protocol == "*" && r.Ports != nil:
			udp := r
			r.Protocol, udp.Protocol = "tcp", "udp"
			out = append(out, r)
			r = udp
		}
		out = append(out, r)
	}
	for len(out) > 0 && !out[len(out)-1].Allow {
		out = out[:len(out)-1]
	}
	return out
}
