package azure

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"averazure/sandbox/hosts"
)

// securityRule is a parsed rule of a network security group.
type securityRule struct {
	name                  string
	priority              int
	inbound, allow        bool
	protocol              string // tcp, udp, icmp, esp, ah or *
	sources, destinations []string
	ports                 []hosts.PortRange // nil: every port
}

// The source of Azure's probes, DHCP and DNS.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var platform = netip.MustParsePrefix("168.63.129.16/32")

var everywhere = netip.MustParsePrefix("0.0.0.0/0")

// serviceTag is the form of a tag, with or without a region: EventHub, Storage.WestEurope.
// The sandbox does not know the addresses of tags, and no traffic in the sandbox comes from
// those addresses.
// https://learn.microsoft.com/azure/virtual-network/service-tags-overview
var serviceTag = regexp.MustCompile(`^[A-Z][A-Za-z0-9]+(\.[A-Z][A-Za-z0-9]*)?$`)

// parseRule parses a rule. code is empty if the rule is valid.
func parseRule(r object) (rule securityRule, code, problem string) {
	rule = securityRule{
		name: text(r, "name"), priority: number(r, "priority"), protocol: strings.ToLower(text(r, "protocol")),
		inbound: strings.EqualFold(text(r, "direction"), "Inbound"), allow: strings.EqualFold(text(r, "access"), "Allow"),
		sources: oneOrMore(r, "sourceAddressPrefix"), destinations: oneOrMore(r, "destinationAddressPrefix"),
	}
	for side, prefixes := range map[string][]string{"source": rule.sources, "destination": rule.destinations} {
		if code, problem := prefixProblem(r, side, prefixes); code != "" {
			return rule, code, problem
		}
	}
	for _, side := range []string{"sourcePortRange", "destinationPortRange"} {
		ranges := oneOrMore(r, side)
		if len(ranges) == 0 {
			return rule, "SecurityRuleInvalidPortRange", "it has neither " + side + " nor " + side + "s"
		}
		ports, bad := parsePorts(ranges)
		if bad != "" {
			return rule, "SecurityRuleInvalidPortRange", "the " + side + " '" + bad + "' is not a port, a range or *"
		}
		if side == "sourcePortRange" && ports != nil {
			return rule, notPlayed, "the sandbox does not support rules by source port"
		}
		rule.ports = ports
	}
	return rule, "", ""
}

// prefixProblem checks the addresses of one side. Azure refuses tags and * in a list of
// prefixes (terraform-provider-azurerm #5617).
func prefixProblem(r object, side string, prefixes []string) (code, problem string) {
	if len(prefixes) == 0 {
		return "SecurityRuleInvalidAddressPrefix", "it has neither " + side + "AddressPrefix nor " + side + "AddressPrefixes"
	}
	for _, p := range prefixes {
		if !validPrefix(p) {
			return "SecurityRuleInvalidAddressPrefix", "the " + side + " address prefix '" + p + "' is not an address, a range or a tag"
		}
	}
	for _, p := range texts(r, side+"AddressPrefixes") {
		if _, ok := addressRange(p); !ok {
			return "SecurityRuleParameterContainsUnsupportedValue", side + "AddressPrefixes cannot hold * or tags, which only " +
				side + "AddressPrefix can; unsupported value used: " + p
		}
	}
	return "", ""
}

// oneOrMore reads a property that is a single value, or a list under the name with s or
// es.
func oneOrMore(r object, path string) []string {
	plural := path + "s"
	if strings.HasSuffix(path, "Prefix") {
		plural = path + "es"
	}
	values := texts(r, plural)
	if one := text(r, path); one != "" {
		values = append(values, one)
	}
	return values
}

func validPrefix(s string) bool {
	if _, ok := addressRange(s); ok {
		return true
	}
	known := []string{"*", "Internet", "VirtualNetwork", "AzureLoadBalancer"}
	return slices.ContainsFunc(known, func(tag string) bool { return strings.EqualFold(tag, s) }) ||
		serviceTag.MatchString(s) && !strings.EqualFold(s, "Any") // a frequent mistake for *
}

func addressRange(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}

// parsePorts parses "22", "8000-8100" and "*". bad is the first invalid one.
func parsePorts(ranges []string) (ports []hosts.PortRange, bad string) {
	for _, s := range ranges {
		if s == "*" {
			return nil, ""
		}
		first, end, isRange := strings.Cut(s, "-")
		if !isRange {
			end = first
		}
		from, errFrom := strconv.ParseUint(first, 10, 16)
		to, errTo := strconv.ParseUint(end, 10, 16)
		if errFrom != nil || errTo != nil || from > to {
			return nil, s
		}
		ports = append(ports, hosts.PortRange{From: uint16(from), To: uint16(to)})
	}
	return ports, ""
}

// defaultRules are the last rules of every group.
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules
func defaultRules() []securityRule {
	anyone := []string{"*"}
	network := []string{"VirtualNetwork"}
	return []securityRule{
		{name: "AllowVnetInBound", priority: 65000, inbound: true, allow: true, protocol: "*", sources: network, destinations: network},
		{name: "AllowAzureLoadBalancerInBound", priority: 65001, inbound: true, allow: true, protocol: "*", sources: []string{"AzureLoadBalancer"}, destinations: anyone},
		{name: "DenyAllInBound", priority: 65500, inbound: true, protocol: "*", sources: anyone, destinations: anyone},
		{name: "AllowVnetOutBound", priority: 65000, allow: true, protocol: "*", sources: network, destinations: network},
		{name: "AllowInternetOutBound", priority: 65001, allow: true, protocol: "*", sources: anyone, destinations: []string{"Internet"}},
		{name: "DenyAllOutBound", priority: 65500, protocol: "*", sources: anyone, destinations: anyone},
	}
}

// defaultRulesOf are the default rules as a group's output.
func defaultRulesOf(group, etag string) []any {
	var out []any
	for _, r := range defaultRules() {
		access, direction := "Deny", "Outbound"
		if r.allow {
			access = "Allow"
		}
		if r.inbound {
			direction = "Inbound"
		}
		out = append(out, object{
			"id": group + "/defaultSecurityRules/" + r.name, "name": r.name, "etag": etag, "priority": float64(r.priority),
			"access": access, "direction": direction, "protocol": r.protocol, "provisioningState": "Succeeded",
			"sourceAddressPrefix": r.sources[0], "destinationAddressPrefix": r.destinations[0],
			"sourcePortRange": "*", "destinationPortRange": "*",
		})
	}
	return out
}

func quantity(n int) string { return fmt.Sprint(n) }
