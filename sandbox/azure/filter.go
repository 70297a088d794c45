package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"averazure/sandbox/hosts"
)

// standing is a VM with the rules that should be in force on it.
type standing struct {
	id, vmID, mark string
	rules          []hosts.Rule
}

// refilter updates the packet filter of every VM whose rules have changed. Updates run
// one at a time, so the last change wins.
func (c *Cloud) refilter(ctx context.Context) error {
	c.filters.Lock()
	defer c.filters.Unlock()
	for _, s := range c.staleFilters() {
		if err := c.hosts.Filter(ctx, s.vmID, s.rules); err != nil {
			return fmt.Errorf("set the security rules of %s: %w", last(s.id), err)
		}
		c.mu.Lock()
		if vm := c.record.get(s.id); vm != nil {
			vm.Filter = s.mark
		}
		err := c.record.save()
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// staleFilters are the VMs whose packet filters do not have the current rules, with these
// rules.
func (c *Cloud) staleFilters() []standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var stale []standing
	for _, vm := range c.record.of("VirtualMachine") {
		s := c.record.standing(vm)
		if !vm.Pending && s.mark != vm.Filter {
			stale = append(stale, s)
		}
	}
	return stale
}

// standing determines which rules should be in force on a VM.
func (r *record) standing(vm *entry) standing {
	s := standing{id: vm.ID, vmID: text(vm.State, "vmId")}
	nic := r.get(text(vm.State, "networkProfile.networkInterfaces.0.id"))
	if nic == nil {
		return s
	}
	config := items(nic.State, "ipConfigurations")[0]
	subnet := r.get(text(config, "subnet.id"))
	var groups [][]securityRule
	if subnet != nil {
		groups = r.group(groups, text(subnet.State, "networkSecurityGroup.id"))
	}
	groups = r.group(groups, text(nic.State, "networkSecurityGroup.id"))
	address, _ := netip.ParseAddr(text(config, "privateIPAddress"))
	s.rules = effective(groups, place{address: address, network: r.space(text(config, "subnet.id"))})
	mark, _ := json.Marshal(s.rules)
	s.mark = r.fingerprint(s.vmID + string(mark))
	return s
}

// group adds a group's inline and standalone rules.
func (r *record) group(groups [][]securityRule, id string) [][]securityRule {
	e := r.get(id)
	if e == nil {
		return groups
	}
	var rules []securityRule
	read := func(o object) {
		if rule, code, _ := parseRule(o); code == "" {
			rules = append(rules, rule)
		}
	}
	for _, o := range items(e.State, "securityRules") {
		read(o)
	}
	for _, standalone := range r.below(id) {
		read(standalone.State)
	}
	return append(groups, rules)
}

// space is the address space of a subnet's network.
func (r *record) space(subnet string) []netip.Prefix {
	network, _, _ := strings.Cut(subnet, "/subnets/")
	e := r.get(network)
	if e == nil {
		return nil
	}
	var out []netip.Prefix
	for _, s := range texts(e.State, "addressSpace.addressPrefixes") {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}
