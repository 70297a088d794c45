package azure

import "strings"

// balancerKinds is the load balancer. It is real; see uplink.go.
var balancerKinds = []*kind{{
	tokens:  []string{"azure-native:network/v20190601:LoadBalancer"},
	azure:   "Microsoft.Network/loadBalancers",
	path:    networkPath + "loadBalancers/{loadBalancerName}",
	auto:    autoRandom,
	rule:    networkName,
	located: true, // not in azure-native's replacement.go: only another name replaces it
	computed: []string{"etag", "provisioningState", "resourceGuid", "inboundNatPools", "inboundNatRules", "outboundRules", "probes",
		"frontendIPConfigurations.*.id", "frontendIPConfigurations.*.etag", "backendAddressPools.*.id", "backendAddressPools.*.etag",
		"backendAddressPools.*.backendIPConfigurations", "loadBalancingRules.*.id", "loadBalancingRules.*.etag",
		"outboundRules.*.id", "outboundRules.*.etag", "probes.*.id", "probes.*.etag"},
	// These are inputs in this API version. They change whenever an interface joins or
	// leaves a pool.
	adopts: []string{"frontendIPConfigurations[*].etag", "backendAddressPools[*].etag", "probes[*].etag",
		"loadBalancingRules[*].etag", "outboundRules[*].etag"},
	filters:  true,
	judge:    judgeBalancer,
	complete: completeBalancer,
	keep: func(op *operation) error {
		if members := op.record.members(op.id); len(members) > 0 {
			return op.refuse("InUseLoadBalancerCannotBeDeleted", "load balancer %s cannot be deleted: its backend pool is in use by %s; "+
				"take the interface out of the pool first", op.id, text(members[0], "id"))
		}
		return nil
	},
}}

// Lists of a balancer, as parts of the ids.
const (
	frontends     = "frontendIPConfigurations"
	pools         = "backendAddressPools"
	probes        = "probes"
	balancerRules = "loadBalancingRules"
	outboundRules = "outboundRules"
)

var balancerLists = []string{frontends, pools, probes, balancerRules, outboundRules}

// members are the interface configurations in a pool, or in all pools of a balancer.
func (r *record) members(id string) []object {
	var found []object
	for _, nic := range r.of("NetworkInterface") {
		for _, config := range items(nic.State, "ipConfigurations") {
			for _, pool := range items(config, "loadBalancerBackendAddressPools") {
				if within := strings.ToLower(text(pool, "id")) + "/"; strings.HasPrefix(within, strings.ToLower(id)+"/") {
					found = append(found, config)
				}
			}
		}
	}
	return found
}

// partOf finds the item of a balancer's list by its id.
func partOf(balancer *entry, list, id string) object {
	if balancer == nil {
		return nil
	}
	for _, item := range items(balancer.State, list) {
		if strings.EqualFold(balancer.ID+"/"+list+"/"+text(item, "name"), id) {
			return item
		}
	}
	return nil
}

// pool finds the balancer of a pool by the pool's id, or nil.
func (r *record) pool(id string) *entry {
	at := strings.LastIndex(strings.ToLower(id), "/"+strings.ToLower(pools)+"/")
	if at < 0 {
		return nil
	}
	balancer := r.get(id[:at])
	if partOf(balancer, pools, id) == nil {
		return nil
	}
	return balancer
}

// completeBalancer adds the service's outputs to a balancer and its parts.
func completeBalancer(op *operation) {
	op.completeNetworking()
	for _, list := range append([]string{"inboundNatPools", "inboundNatRules"}, balancerLists...) {
		fallback(op.state, list, []any{})
	}
	fallback(op.state, "sku.tier", "Regional")
	for _, list := range balancerLists {
		for _, item := range items(op.state, list) {
			item["id"], item["etag"] = op.id+"/"+list+"/"+text(item, "name"), op.state["etag"]
			item["type"], item["provisioningState"] = op.kind.azure+"/"+list, "Succeeded"
		}
	}
	for _, item := range items(op.state, frontends) {
		fallback(item, "privateIPAllocationMethod", "Dynamic")
		fallback(item, "privateIPAddressVersion", "IPv4")
	}
	for _, item := range items(op.state, probes) {
		fallback(item, "intervalInSeconds", 15.0)
		fallback(item, "numberOfProbes", 2.0)
	}
	for _, item := range append(items(op.state, balancerRules), items(op.state, outboundRules)...) {
		fallback(item, "idleTimeoutInMinutes", 4.0)
		fallback(item, "enableTcpReset", false)
	}
	for _, item := range items(op.state, balancerRules) {
		fallback(item, "backendPort", at(item, "frontendPort"))
		fallback(item, "loadDistribution", "Default")
		fallback(item, "enableFloatingIP", false)
		fallback(item, "disableOutboundSnat", false)
	}
	for _, item := range items(op.state, outboundRules) {
		fallback(item, "allocatedOutboundPorts", 0.0)
	}
	crossReference(op.state)
	noteMembers(op.record, &entry{ID: op.id, State: op.state})
}

// crossReference records on each frontend, pool and probe which rules use it.
func crossReference(state object) {
	named := func(list, kind string, by func(rule object) []string) {
		for _, target := range items(state, list) {
			var users []any
			for _, rule := range items(state, kind) {
				for _, id := range by(rule) {
					if strings.EqualFold(id, text(target, "id")) {
						users = append(users, object{"id": text(rule, "id")})
					}
				}
			}
			if users != nil {
				target[kind] = users
			}
		}
	}
	one := func(path string) func(object) []string {
		return func(rule object) []string { return []string{text(rule, path+".id")} }
	}
	named(frontends, balancerRules, one("frontendIPConfiguration"))
	named(pools, balancerRules, one("backendAddressPool"))
	named(pools, outboundRules, one("backendAddressPool"))
	named(probes, balancerRules, one("probe"))
	named(frontends, outboundRules, outboundFrontends)
}

func outboundFrontends(rule object) []string {
	var ids []string
	for _, frontend := range items(rule, frontends) {
		ids = append(ids, text(frontend, "id"))
	}
	return ids
}

// noteMembers records in a balancer's pools which interfaces are in them.
func noteMembers(r *record, balancer *entry) {
	for _, pool := range items(balancer.State, pools) {
		delete(pool, "backendIPConfigurations")
		var in []any
		for _, config := range r.members(text(pool, "id")) {
			in = append(in, object{"id": text(config, "id")})
		}
		if in != nil {
			pool["backendIPConfigurations"] = in
		}
	}
}

// noteBalancers updates all balancers after an interface has changed. A balancer with a
// changed pool gets new etags.
func noteBalancers(r *record, _ *entry) {
	for _, balancer := range r.of("LoadBalancer") {
		before := clone(object{"": at(balancer.State, pools)})
		noteMembers(r, balancer)
		if same(before[""], at(balancer.State, pools)) {
			continue
		}
		balancer.State["etag"] = newEtag()
		for _, list := range balancerLists {
			for _, item := range items(balancer.State, list) {
				item["etag"] = balancer.State["etag"]
			}
		}
	}
}
