package azure

import (
	"slices"
	"strings"
)

// securityKinds are network security groups and their rules. The VMs' packet filters
// enforce inbound rules (filter.go). Outbound rules are recorded only.
var securityKinds = []*kind{{
	tokens:   []string{"azure-native:network/v20190601:NetworkSecurityGroup"},
	azure:    "Microsoft.Network/networkSecurityGroups",
	path:     networkPath + "networkSecurityGroups/{networkSecurityGroupName}",
	auto:     autoRandom,
	rule:     networkName,
	located:  true,
	keeps:    true,
	computed: []string{"etag", "provisioningState", "resourceGuid", "defaultSecurityRules", "securityRules"},
	adopts:   []string{"defaultSecurityRules"}, // inputs in this API version
	filters:  true,
	judge:    judgeGroup,
	complete: func(op *operation) {
		op.completeNetworking()
		fallback(op.state, "securityRules", []any{})
		op.state["defaultSecurityRules"] = defaultRulesOf(op.id, text(op.state, "etag"))
	},
	keep: keepGroup,
}, {
	tokens:   []string{"azure-native:network/v20190601:SecurityRule"},
	azure:    "Microsoft.Network/networkSecurityGroups/securityRules",
	path:     networkPath + "networkSecurityGroups/{networkSecurityGroupName}/securityRules/{securityRuleName}",
	auto:     autoCopy,
	rule:     networkName,
	required: []string{"access", "direction", "protocol"},
	computed: []string{"etag", "provisioningState"},
	filters:  true,
	judge:    judgeRule,
	complete: func(op *operation) {
		op.completeNetworking()
		drop(op.state, "resourceGuid")
		for _, plural := range []string{"destinationAddressPrefixes", "destinationPortRanges", "sourceAddressPrefixes", "sourcePortRanges"} {
			fallback(op.state, plural, []any{})
		}
	},
	touches: renewGroup,
}}

// renewGroup changes the etag of a rule's group and of its default rules.
func renewGroup(r *record, rule *entry) {
	id, _, _ := strings.Cut(rule.ID, "/securityRules/")
	if group := r.get(id); group != nil {
		group.State["etag"] = newEtag()
		group.State["defaultSecurityRules"] = defaultRulesOf(group.ID, text(group.State, "etag"))
	}
}

// judgeGroup checks the rules inside a group's definition.
func judgeGroup(op *operation) error {
	inline := items(op.inputs, "securityRules")
	if len(inline) > 0 {
		if standalone := op.record.below(op.id); len(standalone) > 0 {
			return op.refuseBothWays(standalone[0].name())
		}
	}
	for i, r := range inline {
		if err := op.judgeRule(text(r, "name"), r, ruleNames(inline[:i])); err != nil {
			return err
		}
	}
	return nil
}

func judgeRule(op *operation) error {
	group := op.record.get(op.kind.container(op.record.Subscription, op.inputs))
	if len(items(group.Inputs, "securityRules")) > 0 {
		return op.refuseBothWays(op.name)
	}
	others := map[string]object{}
	for _, e := range op.record.below(group.ID) {
		if !strings.EqualFold(e.ID, op.id) {
			others[e.name()] = e.State
		}
	}
	return op.judgeRule(op.name, op.inputs, others)
}

// refuseBothWays refuses what Azure accepts and azure-native later undoes: an update of
// the group leaves only the inline rules.
// https://github.com/pulumi/pulumi-azure-native/issues/3359
func (op *operation) refuseBothWays(rule string) error {
	return op.refuse("RulesInlineAndStandalone", "rule '%s' stands beside rules inside the group's definition: "+
		"the group's next update would delete it (pulumi-azure-native #3359); define rules in one way only", rule)
}

func ruleNames(rules []object) map[string]object {
	named := map[string]object{}
	for _, r := range rules {
		named[text(r, "name")] = r
	}
	return named
}

// judgeRule refuses an invalid rule, and one that conflicts with another.
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#security-rules
func (op *operation) judgeRule(name string, r object, others map[string]object) error {
	if code, problem := ruleProblem(r); code != "" {
		return op.refuse(code, "security rule %s: %s", name, problem)
	}
	for other, o := range others {
		if number(o, "priority") == number(r, "priority") && strings.EqualFold(text(o, "direction"), text(r, "direction")) {
			return op.refuse("SecurityRuleConflict", "security rule %s conflicts with rule %s: rules cannot have the same Priority (%d) and Direction (%s)",
				name, other, number(r, "priority"), text(r, "direction"))
		}
	}
	return nil
}

func ruleProblem(r object) (code, problem string) {
	oneOf := func(path string, values ...string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, text(r, path)) })
	}
	switch p := number(r, "priority"); {
	case p < 100 || p > 4096:
		return "SecurityRuleInvalidPriority", "priority " + quantity(p) + " is not in the allowed range 100-4096"
	case !oneOf("direction", "Inbound", "Outbound"):
		return "InvalidRequestFormat", "direction must be Inbound or Outbound, not '" + text(r, "direction") + "'"
	case !oneOf("access", "Allow", "Deny"):
		return "InvalidRequestFormat", "access must be Allow or Deny, not '" + text(r, "access") + "'"
	case !oneOf("protocol", "Tcp", "Udp", "Icmp", "Esp", "Ah", "*"):
		return "InvalidRequestFormat", "protocol must be Tcp, Udp, Icmp, Esp, Ah or *, not '" + text(r, "protocol") + "'"
	}
	for _, list := range []string{"sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups"} {
		if len(items(r, list)) > 0 {
			return notPlayed, "the sandbox does not support application security groups"
		}
	}
	_, code, problem = parseRule(r)
	return code, problem
}

// keepGroup refuses to delete a group in use.
func keepGroup(op *operation) error {
	for _, e := range op.record.of("Subnet", "NetworkInterface") {
		if strings.EqualFold(text(e.State, "networkSecurityGroup.id"), op.id) {
			return op.refuse("InUseNetworkSecurityGroupCannotBeDeleted",
				"network security group %s cannot be deleted because it is in use by %s", op.name, e.ID)
		}
	}
	return nil
}
