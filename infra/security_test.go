package infra

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"averazure/internal/golden"
	"averazure/internal/recorder"
)

// table writes the rules as a person would read them.
func table(rules []rule) string {
	var text strings.Builder
	for _, r := range rules {
		access := "deny"
		if r.Allow {
			access = "allow"
		}
		fmt.Fprintf(&text, "%d %s %s %s from %s to %s: %s\n", r.Priority, access, r.Name, r.Protocol,
			strings.Join(r.Sources, ","), strings.Join(r.Destinations, ","), strings.Join(r.Ports, ","))
	}
	return text.String()
}

func TestSecurityRules(t *testing.T) {
	golden.Compare(t, "rules.txt", table(securityRules(full())))
}

// Rules change before VMs are removed: a rule that no longer named a worker would cut the
// connection over which the worker leaves the Swarm.
func TestRulesDoNotDependOnTheNumberOfNodes(t *testing.T) {
	few, many := full(), full()
	few.Managers, few.Workers = 1, 0
	many.Managers, many.Workers = 7, 100
	if table(securityRules(few)) != table(securityRules(many)) {
		t.Errorf("the rules differ:\n%s\n%s", table(securityRules(few)), table(securityRules(many)))
	}
}

func TestPrioritiesAndNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range securityRules(full()) {
		for _, key := range []string{r.Name, fmt.Sprint(r.Priority)} {
			if seen[key] {
				t.Errorf("%s comes twice", key)
			}
			seen[key] = true
		}
		if r.Priority < 100 || r.Priority > 4096 || len(r.Why) > 140 {
			t.Errorf("%s: Azure accepts priorities from 100 to 4096 and descriptions of 140 characters", r.Name)
		}
	}
}

func TestSwarmPortsAreOpenBetweenNodesOnly(t *testing.T) {
	c := full()
	nodes := []string{c.managerBlock(), c.workerBlock()}
	for _, r := range securityRules(c) {
		swarm := slices.ContainsFunc(r.Ports, func(p string) bool { return p == "2377" || p == "7946" || p == "4789" })
		if !r.Allow || !swarm && r.Protocol != "Esp" {
			continue
		}
		for _, address := range slices.Concat(r.Sources, r.Destinations) {
			if !slices.Contains(nodes, address) {
				t.Errorf("%s lets %s in, which is not a node", r.Name, address)
			}
		}
	}
}

func TestSSHFromOutsideReachesManagersOnly(t *testing.T) {
	c := full()
	for _, r := range securityRules(c) {
		if !r.Allow || !slices.Contains(r.Ports, "22") {
			continue
		}
		outside := slices.ContainsFunc(r.Sources, func(s string) bool { return s != c.managerBlock() })
		for _, address := range r.Destinations {
			if outside && address != c.managerBlock() {
				t.Errorf("%s opens SSH on %s to %v", r.Name, address, r.Sources)
			}
		}
	}
}

func TestAdminPortsAreClosedByDefault(t *testing.T) {
	c := full()
	c.AdminCidrs = nil
	for _, r := range securityRules(c) {
		if slices.Contains(r.Ports, "15672") {
			t.Errorf("%s opens the admin ports to %v", r.Name, r.Sources)
		}
	}
	c.PublicPorts = nil
	for _, r := range securityRules(c) {
		if r.Name == "public" {
			t.Error("a rule without ports would be refused by Azure")
		}
	}
}

// Azure refuses * and tags in the plural properties, and a rule with neither the singular
// nor the plural property.
func TestRulesAreWrittenAsAzureWantsThem(t *testing.T) {
	r, _ := mustRecord(t, full())
	if n := len(r.OfType(ruleType)); n != len(securityRules(full())) {
		t.Errorf("%d rules were registered, want %d", n, len(securityRules(full())))
	}
	for _, res := range r.OfType(ruleType) {
		for _, key := range []string{"sourceAddressPrefix", "destinationAddressPrefix", "destinationPortRange"} {
			plural := strings.TrimSuffix(key, "x") + "xes"
			if key == "destinationPortRange" {
				plural = key + "s"
			}
			one, many := recorder.At(res.Inputs, key), recorder.At(res.Inputs, plural)
			if (one == nil) == (many == nil) {
				t.Errorf("%s: %s is %v and %s is %v: want exactly one", res.Name, key, one, plural, many)
			}
			list, _ := many.([]any)
			if slices.Contains(list, any(anything)) || slices.Contains(list, any(virtualNetwork)) {
				t.Errorf("%s: %s holds a tag", res.Name, plural)
			}
		}
		if recorder.At(res.Inputs, "direction") != "Inbound" {
			t.Errorf("%s: only what comes in is filtered", res.Name)
		}
	}
}

func TestRulesAreNeverInline(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, group := range r.OfType("azure-native:network/v20190601:NetworkSecurityGroup") {
		if recorder.At(group.Inputs, "securityRules") != nil {
			t.Errorf("%s has rules inline: they and the rules of their own would undo each other", group.Name)
		}
	}
}
