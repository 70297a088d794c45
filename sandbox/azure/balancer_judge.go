package azure

import "strings"

// judgeBalancer refuses what the service refuses. The codes are from
// https://learn.microsoft.com/azure/load-balancer/load-balancer-common-deployment-errors
// and from quotations in ansible-collections/azure #743, AzLoadBalancerMigration #10 and
// azure-quickstart-templates #2014. If there is no quotation, the code is
// InvalidRequestFormat.
func judgeBalancer(op *operation) error {
	if !strings.EqualFold(text(op.inputs, "sku.name"), "Standard") {
		return op.refuse("DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", "a Basic load balancer, also the default when no SKU is given, cannot have a Standard public address; Basic is retired, use sku Standard")
	}
	for _, list := range []string{"inboundNatRules", "inboundNatPools"} {
		if len(items(op.inputs, list)) > 0 {
			return op.refuse(notPlayed, "the sandbox does not support a balancer's %s", list)
		}
	}
	for _, judge := range []func() error{op.judgeParts, op.judgeFrontends, op.judgeProbes, op.judgeBalancing, op.judgeOutbound, op.judgePoolsInUse} {
		if err := judge(); err != nil {
			return err
		}
	}
	return nil
}

// judgeParts requires a unique name for every part of the balancer.
func (op *operation) judgeParts() error {
	for _, list := range balancerLists {
		seen := map[string]bool{}
		for _, item := range items(op.inputs, list) {
			name := text(item, "name")
			if name == "" {
				return op.refuse("InvalidRequestFormat", "an item of %s has no name", list)
			}
			if !networkName.pattern.MatchString(name) || len(name) > networkName.max {
				return op.refuse("InvalidResourceName", "the name %q in %s is not valid: a name %s", name, list, networkName.says)
			}
			if seen[strings.ToLower(name)] {
				return op.refuse("InvalidRequestFormat", "two items of %s have the name %s", list, name)
			}
			seen[strings.ToLower(name)] = true
		}
	}
	return nil
}

func (op *operation) judgeFrontends() error {
	for _, frontend := range items(op.inputs, frontends) {
		path := frontends + "." + text(frontend, "name") + ".publicIPAddress.id"
		id := text(frontend, "publicIPAddress.id")
		if id == "" {
			return op.refuse(notPlayed, "the sandbox supports public balancers only: frontend %s has no publicIPAddress", text(frontend, "name"))
		}
		if err := op.refers(path, id); err != nil {
			return err
		}
		if user := op.addressUser(id, op.id); user != "" {
			return op.refuse("PublicIPAddressInUse", "it refers to public IP address %s that is already allocated to resource %s", id, user)
		}
		if len(texts(frontend, "zones")) > 0 {
			return op.refuse("LoadBalancerFrontendIPConfigCannotHaveZoneWhenReferencingPublicIPAddress",
				"frontend %s has zones; those of a public frontend are its public address's", text(frontend, "name"))
		}
	}
	return nil
}

func (op *operation) judgeProbes() error {
	for _, probe := range items(op.inputs, probes) {
		name, protocol := text(probe, "name"), strings.ToLower(text(probe, "protocol"))
		switch path := text(probe, "requestPath"); {
		case protocol != "tcp" && protocol != "http" && protocol != "https":
			return op.refuse("InvalidRequestFormat", "probe %s: protocol must be Tcp, Http or Https, not '%s'", name, text(probe, "protocol"))
		case protocol == "tcp" && path != "":
			return op.refuse("InvalidRequestFormat", "probe %s: a Tcp probe has no requestPath", name)
		case protocol != "tcp" && path == "":
			return op.refuse("InvalidRequestFormat", "probe %s: a probe of protocol %s needs a requestPath", name, protocol)
		}
		if !valid(number(probe, "port"), 1, 65535) {
			return op.refuse("InvalidRequestFormat", "probe %s: port %d is not in the range 1-65535", name, number(probe, "port"))
		}
		if at(probe, "intervalInSeconds") != nil && !valid(number(probe, "intervalInSeconds"), 5, 2147483646) {
			return op.refuse("InvalidRequestFormat", "probe %s: intervalInSeconds is %d and must be at least 5", name, number(probe, "intervalInSeconds"))
		}
		if at(probe, "numberOfProbes") != nil && number(probe, "numberOfProbes") < 1 {
			return op.refuse("InvalidRequestFormat", "probe %s: numberOfProbes must be at least 1", name)
		}
	}
	return nil
}

func valid(n, low, high int) bool { return low <= n && n <= high }

// refersInside requires an id of a part of this balancer.
func (op *operation) refersInside(rule, list, id string) error {
	own := &entry{ID: op.id, State: op.inputs}
	if partOf(own, list, id) == nil {
		return op.refuse("InvalidResourceReference", "resource %s referenced by %s of %s was not found among its %s", id, rule, op.id, list)
	}
	return nil
}

func (op *operation) judgeBalancing() error {
	rules := items(op.inputs, balancerRules)
	for i, rule := range rules {
		name := text(rule, "name")
		for list, path := range map[string]string{frontends: "frontendIPConfiguration.id", pools: "backendAddressPool.id", probes: "probe.id"} {
			if id := text(rule, path); id != "" || list != probes {
				if err := op.refersInside("rule "+name, list, id); err != nil {
					return err
				}
			}
		}
		if err := op.judgeBalancingRule(name, rule); err != nil {
			return err
		}
		for _, other := range rules[:i] {
			if err := op.judgePair(name, rule, other); err != nil {
				return err
			}
		}
	}
	return nil
}

func (op *operation) judgeBalancingRule(name string, rule object) error {
	protocol := strings.ToLower(text(rule, "protocol"))
	if on, _ := flag(rule, "enableFloatingIP"); on || protocol == "all" || number(rule, "frontendPort") == 0 {
		return op.refuse(notPlayed, "the sandbox supports neither floating addresses nor rules for every port (rule %s)", name)
	}
	if protocol != "tcp" && protocol != "udp" {
		return op.refuse("InvalidRequestFormat", "rule %s: protocol must be Tcp, Udp or All, not '%s'", name, text(rule, "protocol"))
	}
	if !valid(number(rule, "frontendPort"), 1, 65534) || at(rule, "backendPort") != nil && !valid(number(rule, "backendPort"), 1, 65535) {
		return op.refuse("InvalidRequestFormat", "rule %s: frontendPort must be in the range 1-65534, backendPort in 1-65535", name)
	}
	if at(rule, "idleTimeoutInMinutes") != nil && !valid(number(rule, "idleTimeoutInMinutes"), 4, 30) {
		return op.refuse("InvalidRequestFormat", "rule %s: idleTimeoutInMinutes must be in the range 4-30", name)
	}
	switch strings.ToLower(text(rule, "loadDistribution")) {
	case "", "default", "sourceip", "sourceipprotocol":
		return nil
	}
	return op.refuse("InvalidRequestFormat", "rule %s: loadDistribution must be Default, SourceIP or SourceIPProtocol", name)
}

// judgePair refuses two rules for the same packets, and two rules that would send
// different packets to the same place.
func (op *operation) judgePair(name string, rule, other object) error {
	equal := func(path string) bool { return strings.EqualFold(text(rule, path), text(other, path)) }
	backend := func(rule object) int {
		if port := number(rule, "backendPort"); port != 0 {
			return port
		}
		return number(rule, "frontendPort")
	}
	if !equal("protocol") {
		return nil
	}
	if equal("frontendIPConfiguration.id") && number(rule, "frontendPort") == number(other, "frontendPort") {
		return op.refuse("RulesUseSameFrontendPortProtocolAndIPConfig", "load balancing rules %s and %s use the same frontend port %d, protocol and frontend",
			text(other, "name"), name, number(rule, "frontendPort"))
	}
	if equal("backendAddressPool.id") && backend(rule) == backend(other) {
		return op.refuse("RulesUseSameBackendPortProtocolAndPool", "load balancing rules %s and %s use the same protocol and backend port %d and must not be used with the same backend address pool",
			text(other, "name"), name, backend(rule))
	}
	return nil
}

// judgePoolsInUse refuses to remove a pool that has interfaces.
func (op *operation) judgePoolsInUse() error {
	if op.old == nil {
		return nil
	}
	own := &entry{ID: op.id, State: op.inputs}
	for _, pool := range items(op.old.State, pools) {
		if members := op.record.members(text(pool, "id")); len(members) > 0 && partOf(own, pools, text(pool, "id")) == nil {
			return op.refuse("InUseBackendAddressPoolCannotBeDeleted", "backend address pool %s cannot be deleted: it is in use by %s",
				text(pool, "id"), text(members[0], "id"))
		}
	}
	return nil
}
