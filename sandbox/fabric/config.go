// Package fabric emulates Azure's load balancer and a VM's virtual switch. The load
// balancer has the public addresses, probes the VMs behind it and forwards packets.
//
// As in Azure, the load balancer does not change a packet. It sends the packet to one of
// the VMs. The switch there replaces the balancer's address by the VM's private one. The
// answer goes straight to the client, with the balancer's address as its source. See
// https://learn.microsoft.com/azure/load-balancer/concepts and "Ananta: Cloud Scale Load
// Balancing" (SIGCOMM 2013).
//
// The package uses the standard library only, because it is compiled for a container.
package fabric

import (
	"embed"
	"net/netip"
	"slices"
)

// Sources are this package's files, from which the sandbox builds the load balancer.
//
//go:embed *.go balancer/*.go
var Sources embed.FS

// Config is the load balancer's configuration.
type Config struct {
	Listeners []Listener
	Outbound  []Outbound
}

// Listener is a load balancing rule.
type Listener struct {
	Forward
	BySource bool // all flows of a client go to one VM
	Reset    bool // reset idle flows
	Idle     int  // minutes until an idle flow is forgotten
	Probe    Probe
	Members  []Member
}

// Forward maps a frontend's port to a VM's.
type Forward struct {
	Frontend          string
	Protocol          string // "tcp" or "udp"
	Port, BackendPort uint16
}

// Member is a VM in a pool.
type Member struct {
	ID      string // the VM's id
	Address string // on the sandbox's internet
}

// Probe is how a VM's health is checked. Without a protocol it is not checked.
type Probe struct {
	Protocol string // "tcp", "http" or "https"
	Port     uint16
	Path     string
	Interval int // seconds
	Count    int // consecutive failures until a VM counts as down
}

// Outbound gives a VM a range of a frontend's ports for its own connections.
type Outbound struct {
	Frontend, Protocol string // protocol "tcp", "udp" or "all"
	Member
	Ports    int // number of ports; the range follows from it
	From, To uint16
}

// frontends are the addresses that the load balancer answers for.
func (c Config) frontends() []string {
	var found []string
	for _, l := range c.Listeners {
		found = append(found, l.Frontend)
	}
	for _, o := range c.Outbound {
		found = append(found, o.Frontend)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// addresses are the VMs' addresses.
func (c Config) addresses() []string {
	var found []string
	for _, l := range c.Listeners {
		for _, m := range l.Members {
			found = append(found, m.Address)
		}
	}
	found = append(found, c.outboundAddresses()...)
	slices.Sort(found)
	return slices.Compact(found)
}

// outboundAddresses are the addresses of VMs that use the balancer for outbound
// connections.
func (c Config) outboundAddresses() []string {
	var found []string
	for _, o := range c.Outbound {
		found = append(found, o.Address)
	}
	return found
}

// mark is the packet mark that selects a VM: the last octet of its address, which is
// unique in a /24.
func mark(address string) int {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is4() {
		return 0
	}
	return int(a.As4()[3])
}
