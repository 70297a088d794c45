package azure

import "strings"

// judgeOutbound checks the outbound rules.
// https://learn.microsoft.com/azure/load-balancer/outbound-rules
func (op *operation) judgeOutbound() error {
	used := map[string]string{}
	for _, rule := range items(op.inputs, outboundRules) {
		name := text(rule, "name")
		frontend, err := op.judgeOutboundParts(name, rule)
		if err != nil {
			return err
		}
		if other := used[strings.ToLower(frontend)]; other != "" {
			return op.refuse("MoreThanOneOutboundRuleUsingSameFrontendIPConfigurationAndProtocolIsNotSupported",
				"outbound rules %s and %s use the same frontend", other, name)
		}
		used[strings.ToLower(frontend)] = name
		if err := op.judgeSharing(rule, frontend); err != nil {
			return err
		}
		if err := op.judgePorts(rule); err != nil {
			return err
		}
	}
	return nil
}

// judgeOutboundParts checks the parts of the balancer to which an outbound rule refers, and
// returns its frontend.
func (op *operation) judgeOutboundParts(name string, rule object) (frontend string, err error) {
	if err := op.refersInside("outbound rule "+name, pools, text(rule, "backendAddressPool.id")); err != nil {
		return "", err
	}
	ids := outboundFrontends(rule)
	if len(ids) != 1 {
		return "", op.refuse(notPlayed, "the sandbox supports outbound rules of one frontend; rule %s has %d", name, len(ids))
	}
	return ids[0], op.refersInside("outbound rule "+name, frontends, ids[0])
}

// judgeSharing requires that load balancing rules leave outbound connections to the
// outbound rule of the same frontend.
func (op *operation) judgeSharing(outbound object, frontend string) error {
	for _, rule := range items(op.inputs, balancerRules) {
		if off, _ := flag(rule, "disableOutboundSnat"); !off && strings.EqualFold(text(rule, "frontendIPConfiguration.id"), frontend) {
			return op.refuse("LoadBalancingRuleMustDisableSNATSinceSameFrontendIPConfigurationIsReferencedByOutboundRule",
				"load balancing rule %s must have disableOutboundSnat set to true: its frontend %s is referenced by outbound rule %s",
				text(rule, "name"), frontend, text(outbound, "name"))
		}
	}
	return nil
}

// frontendPorts is the number of outbound ports of one address.
const frontendPorts = 64000

// portsBesideRules is the number of outbound ports that are left on the frontend of an
// outbound rule. Each port of a load balancing rule on that frontend takes the whole range
// of eight ports that it belongs to.
// https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections
func portsBesideRules(balancer, outbound object) int {
	kept := map[int]bool{}
	for _, rule := range items(balancer, balancerRules) {
		for _, frontend := range outboundFrontends(outbound) {
			if strings.EqualFold(text(rule, "frontendIPConfiguration.id"), frontend) {
				kept[number(rule, "frontendPort")/8] = true
			}
		}
	}
	return frontendPorts - 8*len(kept)
}

// judgePorts checks the number of ports for each VM.
func (op *operation) judgePorts(rule object) error {
	name, ports := text(rule, "name"), number(rule, "allocatedOutboundPorts")
	switch protocol := strings.ToLower(text(rule, "protocol")); {
	case protocol != "tcp" && protocol != "udp" && protocol != "all":
		return op.refuse("InvalidRequestFormat", "outbound rule %s: protocol must be Tcp, Udp or All, not '%s'", name, text(rule, "protocol"))
	case ports%8 != 0:
		return op.refuse("SpecifiedAllocatedOutboundPortsForOutboundRuleIsNotAMultipleOfEight", "outbound rule %s: allocatedOutboundPorts is %d and must be a multiple of 8", name, ports)
	case ports < 0 || ports > frontendPorts:
		return op.refuse("SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAllowedPortsPerRule", "outbound rule %s: allocatedOutboundPorts is %d, at most %d are allowed", name, ports, frontendPorts)
	case ports*len(op.record.members(text(rule, "backendAddressPool.id"))) > portsBesideRules(op.inputs, rule):
		return op.refuse("SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAvailablePorts",
			"outbound rule %s: %d ports for each of the pool's VMs are more than the %d of its frontend", name, ports, portsBesideRules(op.inputs, rule))
	case at(rule, "idleTimeoutInMinutes") != nil && !valid(number(rule, "idleTimeoutInMinutes"), 4, 120):
		return op.refuse("InvalidRequestFormat", "outbound rule %s: idleTimeoutInMinutes must be in the range 4-120", name)
	}
	return nil
}
