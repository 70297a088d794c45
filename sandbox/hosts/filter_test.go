package hosts

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestRenderRule(t *testing.T) {
	for want, rule := range map[string]Rule{
		"ip saddr { 198.51.100.1/32 } tcp dport { 22 } accept":          {true, "tcp", prefixes("198.51.100.1/32"), []PortRange{{22, 22}}},
		"tcp dport { 80, 8000-8080 } accept":                            {true, "Tcp", nil, []PortRange{{80, 80}, {8000, 8080}}},
		"ip saddr { 10.0.0.0/24, 10.1.0.0/24 } meta l4proto udp accept": {true, "udp", prefixes("10.0.0.0/24", "10.1.0.0/24"), nil},
		"meta l4proto icmp accept":                                      {true, "icmp", nil, nil},
		"ip saddr { 10.0.0.0/24 } meta l4proto esp accept":              {true, "Esp", prefixes("10.0.0.0/24"), nil},
		"meta l4proto { tcp, udp } th dport { 53 } accept":              {true, "*", nil, []PortRange{{53, 53}}},
		"drop":                           {false, "*", nil, nil},
		"ip saddr { 192.0.2.0/24 } drop": {false, "*", prefixes("192.0.2.0/24"), nil},
	} {
		if got, err := renderRule(rule); err != nil || got != want {
			t.Errorf("%+v is %q, %v; want %q", rule, got, err, want)
		}
	}
	if _, err := renderRule(Rule{Protocol: "sctp"}); err == nil {
		t.Error("a protocol that cannot be told is accepted")
	}
}

func TestRenderFilterKeepsTheOrderAndEndsWithNo(t *testing.T) {
	text, err := renderFilter([]Rule{
		{true, "tcp", nil, []PortRange{{22, 22}}},
		{false, "tcp", nil, []PortRange{{1, 65535}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, want := range []string{
		"delete table inet averazure", "hook prerouting priority -150", `iifname != "eth*" accept`,
		"ct state established,related accept", "tcp dport { 22 } accept", "tcp dport { 1-65535 } drop", "\t\tdrop\n\t}\n}\n",
	} {
		at := strings.Index(text, want)
		if at < last {
			t.Errorf("%q is missing or too early in\n%s", want, text)
		}
		last = at
	}
	if _, err := renderFilter([]Rule{{Protocol: "x"}}); err == nil || !strings.Contains(err.Error(), "rule 1") {
		t.Errorf("the error is %v", err)
	}
}

func TestRulesWaitForTheirMachine(t *testing.T) {
	r := room(t)
	if rules, err := r.storedFilter("vm"); rules != nil || err != nil {
		t.Errorf("rules that nobody made: %q, %v", rules, err)
	}
	if err := r.storeFilter("vm", []byte("rules")); err != nil {
		t.Fatal(err)
	}
	if rules, err := r.storedFilter("vm"); string(rules) != "rules" || err != nil {
		t.Errorf("the rules are %q, %v", rules, err)
	}
	for range 2 { // a second time there is nothing to drop
		if err := r.dropFilter("vm"); err != nil {
			t.Error(err)
		}
	}
}

func TestBadRulesAreRefusedBeforeAnythingIsTouched(t *testing.T) {
	r := room(t) // has no engine, so looking for the VM would crash
	if err := r.Filter(context.Background(), "vm", []Rule{{Protocol: "x"}}); err == nil {
		t.Error("a bad rule is accepted")
	}
}
