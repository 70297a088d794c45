package azure

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"averazure/sandbox/hosts"
)

var here = place{address: netip.MustParseAddr("10.0.0.4"), network: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}

// in parses an inbound rule from its properties.
func in(t *testing.T, priority int, access, protocol, from, to string, ports ...string) securityRule {
	t.Helper()
	rule, code, problem := parseRule(object{"name": access, "priority": float64(priority), "direction": "Inbound", "access": access,
		"protocol": protocol, "sourceAddressPrefix": from, "sourcePortRange": "*", "destinationAddressPrefix": to, "destinationPortRanges": list(ports...)})
	if code != "" {
		t.Fatalf("%s: %s", code, problem)
	}
	return rule
}

func TestEffectiveRules(t *testing.T) {
	ssh := in(t, 100, "Allow", "Tcp", "203.0.113.0/24", "*", "22")
	web := in(t, 200, "Allow", "Tcp", "*", "*", "8080", "9000-9100")
	closed := in(t, 4096, "Deny", "*", "*", "*", "*")
	groups := map[string][][]securityRule{
		"none":                   nil,
		"empty":                  {{}},
		"open":                   {{web, ssh}},
		"deny first":             {{in(t, 150, "Deny", "Tcp", "203.0.113.7", "*", "*"), web, ssh}},
		"deny all":               {{closed, ssh}},
		"internet":               {{in(t, 100, "Allow", "*", "Internet", "*", "53"), closed}},
		"to this host":           {{in(t, 100, "Allow", "Tcp", "*", "10.0.0.4", "22")}},
		"to another":             {{in(t, 100, "Allow", "Tcp", "*", "10.0.0.5", "22")}},
		"to the public one":      {{in(t, 100, "Allow", "Tcp", "*", "203.0.113.10", "22")}},
		"to the network":         {{in(t, 100, "Allow", "Tcp", "*", "VirtualNetwork", "22")}},
		"to the internet":        {{in(t, 100, "Allow", "Tcp", "*", "Internet", "22")}},
		"a tag of no address":    {{in(t, 100, "Allow", "Tcp", "AzureCloud.WestEurope", "*", "22")}},
		"icmp":                   {{in(t, 100, "Allow", "Icmp", "*", "*", "*")}},
		"esp":                    {{in(t, 100, "Allow", "Esp", "10.0.0.0/25", "*", "*"), in(t, 200, "Deny", "*", "VirtualNetwork", "*", "*")}},
		"no esp":                 {{in(t, 100, "Deny", "Esp", "*", "*", "*"), in(t, 200, "Allow", "*", "*", "*", "*")}},
		"both":                   {{web, ssh}, {ssh}},
		"second only":            {{}, {web, ssh}},
		"both, one narrower":     {{in(t, 100, "Allow", "*", "*", "*", "*")}, {in(t, 100, "Allow", "Udp", "203.0.113.0/28", "*", "0-100")}},
		"second denies the rest": {{in(t, 100, "Allow", "*", "*", "*", "*")}, {closed}},
	}
	for _, c := range []struct {
		group, protocol, from string
		port                  uint16
		want                  bool
	}{
		{"none", "tcp", "203.0.113.1", 22, false},
		{"none", "tcp", "10.0.3.1", 22, true},
		{"empty", "tcp", "10.0.3.1", 2377, true},
		{"empty", "tcp", "203.0.113.1", 22, false},
		{"empty", "tcp", "168.63.129.16", 65330, true},
		{"open", "tcp", "203.0.113.1", 22, true},
		{"open", "tcp", "198.51.100.1", 22, false},
		{"open", "tcp", "198.51.100.1", 8080, true},
		{"open", "udp", "198.51.100.1", 8080, false},
		{"open", "tcp", "198.51.100.1", 9100, true},
		{"open", "tcp", "198.51.100.1", 9101, false},
		{"deny first", "tcp", "203.0.113.7", 22, true}, // 100 comes before 150
		{"deny first", "tcp", "203.0.113.7", 8080, false},
		{"deny first", "tcp", "203.0.113.8", 8080, true},
		{"deny all", "tcp", "203.0.113.8", 22, true},
		{"deny all", "tcp", "10.0.0.5", 2377, false}, // before AllowVnetInBound
		{"internet", "tcp", "8.8.8.8", 53, true},
		{"internet", "udp", "8.8.8.8", 53, true},
		{"internet", "udp", "10.0.0.5", 53, false},
		{"internet", "icmp", "8.8.8.8", 0, false},
		{"to this host", "tcp", "203.0.113.1", 22, true},
		{"to another", "tcp", "203.0.113.1", 22, false},
		{"to the public one", "tcp", "203.0.113.1", 22, false},
		{"to the network", "tcp", "203.0.113.1", 22, true},
		{"to the internet", "tcp", "203.0.113.1", 22, false},
		{"a tag of no address", "tcp", "203.0.113.1", 22, false},
		{"icmp", "icmp", "203.0.113.1", 0, true},
		{"icmp", "tcp", "203.0.113.1", 22, false},
		{"esp", "esp", "10.0.0.9", 0, true},
		{"esp", "esp", "10.0.0.200", 0, false},
		{"esp", "ah", "10.0.0.9", 0, false},
		{"esp", "udp", "10.0.0.9", 4789, false},
		{"no esp", "esp", "10.0.0.9", 0, false},
		{"no esp", "ah", "10.0.0.9", 0, true},
		{"both", "tcp", "203.0.113.1", 22, true},
		{"both", "tcp", "203.0.113.1", 8080, false},
		{"second only", "tcp", "203.0.113.1", 8080, false},
		{"second only", "tcp", "10.0.0.9", 2377, true},
		{"both, one narrower", "udp", "203.0.113.5", 53, true},
		{"both, one narrower", "udp", "203.0.113.77", 53, false},
		{"both, one narrower", "tcp", "203.0.113.5", 53, false},
		{"both, one narrower", "udp", "203.0.113.5", 101, false},
		{"second denies the rest", "tcp", "10.0.0.5", 22, false},
	} {
		if got := allows(effective(groups[c.group], here), c.protocol, c.from, c.port); got != c.want {
			t.Errorf("%s: %s from %s to %d: %v, want %v\n %v", c.group, c.protocol, c.from, c.port, got, c.want, effective(groups[c.group], here))
		}
	}
}

// A rule without sources would admit everybody, so effective never returns one.
func TestEffectiveRulesHaveSources(t *testing.T) {
	nowhere := place{address: here.address}
	for _, groups := range [][][]securityRule{nil, {{}}, {{in(t, 100, "Allow", "Tcp", "VirtualNetwork", "*", "22")}}} {
		for _, r := range effective(groups, nowhere) {
			if len(r.Sources) == 0 {
				t.Errorf("%v of %v", r, groups)
			}
		}
	}
}

func TestOutsideIsTheComplement(t *testing.T) {
	hole := netip.MustParsePrefix("10.0.0.0/14")
	parts := outside([]netip.Prefix{hole})
	for _, s := range []string{"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.3.255.255", "10.4.0.0", "255.255.255.255"} {
		a, found := netip.MustParseAddr(s), false
		for _, p := range parts {
			found = found || p.Contains(a)
		}
		if found == hole.Contains(a) {
			t.Errorf("%s is in %v: %v", s, parts, found)
		}
	}
	if len(parts) != 14 {
		t.Errorf("%d parts", len(parts))
	}
}

// naive evaluates one group after the other, as documented.
func naive(groups [][]securityRule, protocol, from string, port uint16) bool {
	source := netip.MustParseAddr(from)
	for _, group := range groups {
		verdict := false
		ordered := append(slices.Clone(group), defaultRules()...)
		slices.SortStableFunc(ordered, func(a, b securityRule) int { return a.priority - b.priority })
		for _, r := range ordered {
			matches := r.inbound && (r.protocol == "*" || r.protocol == protocol) && r.concerns(here) &&
				slices.ContainsFunc(here.resolve(r.sources), func(p netip.Prefix) bool { return p.Contains(source) }) &&
				(r.ports == nil || protocol == "icmp" || slices.ContainsFunc(r.ports, func(p hosts.PortRange) bool { return p.From <= port && port <= p.To }))
			if matches {
				verdict = r.allow
				break
			}
		}
		if !verdict {
			return false
		}
	}
	return true
}

// Two groups of random rules give the same result as evaluating them one by one.
func TestEffectiveAgreesWithReadingTheRules(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	from := func() string {
		return pick("*", "Internet", "VirtualNetwork", "203.0.113.0/24", "203.0.113.7", "10.0.0.0/25", "AzureLoadBalancer")
	}
	for range 300 {
		groups := make([][]securityRule, 1+random.IntN(2))
		for g := range groups {
			for i := range random.IntN(7) {
				protocol := pick("Tcp", "Udp", "*")
				groups[g] = append(groups[g], in(t, 100+i, pick("Allow", "Deny"), protocol, from(),
					pick("*", "*", "VirtualNetwork", "10.0.0.4", "10.0.0.5"), pick("*", "22", "20-30", "8080")))
			}
		}
		rules := effective(groups, here)
		for range 40 {
			protocol, source := pick("tcp", "udp"), pick("203.0.113.7", "203.0.113.99", "10.0.0.9", "10.0.0.200", "8.8.8.8", "168.63.129.16")
			port := uint16([]int{22, 25, 8080, 443}[random.IntN(4)])
			if got, want := allows(rules, protocol, source, port), naive(groups, protocol, source, port); got != want {
				t.Fatalf("%s from %s to %d: %v, want %v\n%+v\n%v", protocol, source, port, got, want, groups, rules)
			}
		}
	}
}
