package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"averazure/sandbox/fabric"
	"averazure/sandbox/hosts"
)

// connection is a VM with the connection to the internet that it should have.
type connection struct {
	id, mark string
	vm       hosts.VM
}

// reconnect updates the VMs' connections to the internet, then the balancers, so that the
// balancers find the VMs ready. Updates run one at a time, so the last change wins.
func (c *Cloud) reconnect(ctx context.Context) error {
	c.filters.Lock()
	defer c.filters.Unlock()
	c.mu.Lock()
	var stale []connection
	for _, vm := range c.record.of("VirtualMachine") {
		if now := c.record.connection(vm); !vm.Pending && now.mark != vm.Uplink {
			stale = append(stale, now)
		}
	}
	balancing := c.record.balancing()
	mark := c.record.marked(balancing)
	behind := mark != c.record.Balancing
	c.mu.Unlock()
	for _, now := range stale {
		if err := c.hosts.Connect(ctx, now.vm); err != nil {
			return fmt.Errorf("connect %s to the internet: %w", last(now.id), err)
		}
		if err := c.noted(func(r *record) {
			if vm := r.get(now.id); vm != nil {
				vm.Uplink = now.mark
			}
		}); err != nil {
			return err
		}
	}
	if !behind {
		return nil
	}
	if err := c.hosts.Balance(ctx, balancing); err != nil {
		return err
	}
	return c.noted(func(r *record) { r.Balancing = mark })
}

// noted changes the record and saves it.
func (c *Cloud) noted(change func(*record)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.record)
	return c.record.save()
}

// marked is the hash of a value. Compared with the recorded hash, it shows whether the
// value has changed.
func (r *record) marked(v any) string {
	text, _ := json.Marshal(v)
	return r.fingerprint(string(text))
}

// connection determines how a VM should be connected.
func (r *record) connection(vm *entry) connection {
	c := connection{id: vm.ID, vm: hosts.VM{ID: text(vm.State, "vmId"), Name: vm.name()}}
	nic := r.get(text(vm.State, "networkProfile.networkInterfaces.0.id"))
	if nic == nil {
		return c
	}
	config := items(nic.State, "ipConfigurations")[0]
	c.vm.PrivateIP = text(config, "privateIPAddress")
	if space := r.space(text(config, "subnet.id")); len(space) > 0 {
		c.vm.NetworkCIDR = space[0].String()
	}
	c.vm.PublicIP = r.addressOf(text(config, "publicIPAddress.id"))
	for _, pool := range items(config, "loadBalancerBackendAddressPools") {
		id := text(pool, "id")
		balancer := r.pool(id)
		if balancer == nil {
			continue
		}
		for _, rule := range items(balancer.State, balancerRules) {
			if strings.EqualFold(text(rule, "backendAddressPool.id"), id) {
				c.vm.Forwards = append(c.vm.Forwards, r.forward(balancer, rule))
			}
		}
		if ways := r.outbound(balancer, id); len(ways) > 0 && c.vm.PublicIP == "" && c.vm.Outbound == nil {
			c.vm.Outbound = &ways[0]
		}
	}
	c.mark = r.marked([]any{c.vm})
	return c
}

// addressOf is the address of a PublicIPAddress, or "".
func (r *record) addressOf(id string) string {
	e := r.get(id)
	if e == nil {
		return ""
	}
	return text(e.State, "ipAddress")
}

// frontend is the address of a balancer's frontend.
func (r *record) frontend(balancer *entry, id string) string {
	return r.addressOf(text(partOf(balancer, frontends, id), "publicIPAddress.id"))
}

func (r *record) forward(balancer *entry, rule object) fabric.Forward {
	return fabric.Forward{
		Frontend: r.frontend(balancer, text(rule, "frontendIPConfiguration.id")),
		Protocol: strings.ToLower(text(rule, "protocol")),
		Port:     uint16(number(rule, "frontendPort")), BackendPort: uint16(number(rule, "backendPort")),
	}
}

// outbound are the outbound connections of a pool: those of outbound rules, and those of
// load balancing rules that do not disable outbound connections.
// https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections
func (r *record) outbound(balancer *entry, pool string) []fabric.Outbound {
	var ways []fabric.Outbound
	for _, rule := range items(balancer.State, outboundRules) {
		if strings.EqualFold(text(rule, "backendAddressPool.id"), pool) {
			ways = append(ways, fabric.Outbound{
				Frontend: r.frontend(balancer, outboundFrontends(rule)[0]),
				Protocol: strings.ToLower(text(rule, "protocol")), Ports: number(rule, "allocatedOutboundPorts"),
			})
		}
	}
	for _, rule := range items(balancer.State, balancerRules) {
		if off, _ := flag(rule, "disableOutboundSnat"); !off && strings.EqualFold(text(rule, "backendAddressPool.id"), pool) {
			f := r.forward(balancer, rule)
			ways = append(ways, fabric.Outbound{Frontend: f.Frontend, Protocol: f.Protocol})
		}
	}
	return ways
}

// balancing is the configuration of all balancers. It includes VMs that are still being
// created, because their first packets need answers.
func (r *record) balancing() fabric.Config {
	var config fabric.Config
	for _, balancer := range r.of("LoadBalancer") {
		for _, rule := range items(balancer.State, balancerRules) {
			l := fabric.Listener{
				Forward: r.forward(balancer, rule), Idle: number(rule, "idleTimeoutInMinutes"),
				BySource: !strings.EqualFold(text(rule, "loadDistribution"), "Default"),
				Probe:    probeOf(partOf(balancer, probes, text(rule, "probe.id"))),
				Members:  r.vmsIn(text(rule, "backendAddressPool.id")),
			}
			l.Reset, _ = flag(rule, "enableTcpReset")
			config.Listeners = append(config.Listeners, l)
		}
	}
	for _, vm := range r.of("VirtualMachine") {
		if way := r.connection(vm).vm.Outbound; way != nil {
			own := *way
			own.Member = fabric.Member{ID: text(vm.State, "vmId")}
			config.Outbound = append(config.Outbound, own)
		}
	}
	return config
}

// probeOf reads a probe. One failure takes a VM out and one success brings it back: the
// service no longer respects numberOfProbes ("az network lb probe create" says so), and
// this API version does not have probeThreshold.
func probeOf(probe object) fabric.Probe {
	if probe == nil {
		return fabric.Probe{}
	}
	return fabric.Probe{
		Protocol: strings.ToLower(text(probe, "protocol")), Port: uint16(number(probe, "port")), Path: text(probe, "requestPath"),
		Interval: number(probe, "intervalInSeconds"), Count: 1,
	}
}

// vmsIn are the VMs whose interfaces are in a pool.
func (r *record) vmsIn(pool string) []fabric.Member {
	var members []fabric.Member
	for _, vm := range r.of("VirtualMachine") {
		nic := strings.ToLower(text(vm.State, "networkProfile.networkInterfaces.0.id"))
		for _, config := range r.members(pool) {
			if strings.HasPrefix(strings.ToLower(text(config, "id")), nic+"/") {
				members = append(members, fabric.Member{ID: text(vm.State, "vmId"), Address: r.addressOf(text(config, "publicIPAddress.id"))})
			}
		}
	}
	return members
}
