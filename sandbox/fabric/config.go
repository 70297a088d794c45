// Package fabric plays Azure's load balancer: the multiplexer that has its public
// addresses, probes the machines behind it and passes packets on, and what a
// machine's own switch does to such packets.
//
// As in Azure the multiplexer changes nothing in a packet. It sends it to one of
// the machines; the switch there turns the balancer's address into the machine's
// private one, and the answer goes straight to whoever asked, with the balancer's
// address as its source. See https://learn.microsoft.com/azure/load-balancer/concepts
// and "Ananta: Cloud Scale Load Balancing" (SIGCOMM 2013).
//
// It is built of the standard library alone, for it runs in a container.
package fabric

import (
	"embed"
	"net/netip"
	"slices"
)

// Sources are this package's own, of which the sandbox builds the multiplexer.
//
//go:embed *.go balancer/*.go
var Sources embed.FS

// Config is all that the multiplexer has to do.
type Config struct {
	Listeners []Listener
	Outbound  []Outbound
}

// Listener is a balancing rule.
type Listener struct {
	Forward
	BySource bool // a client's flows all go to one machine
	Reset    bool // a flow that was idle for too long is told so
	Idle     int  // minutes after which a flow is forgotten
	Probe    Probe
	Members  []Member
}

// Forward is what is passed on: a frontend's port, to a machine's.
type Forward struct {
	Frontend          string
	Protocol          string // "tcp" or "udp"
	Port, BackendPort uint16
}

// Member is a machine in a pool.
type Member struct {
	ID      string // of the machine
	Address string // on the internet of the sandbox
}

// Probe is how a machine's health is seen. Without a protocol it is not asked for.
type Probe struct {
	Protocol string // "tcp", "http" or "https"
	Port     uint16
	Path     string
	Interval int // seconds
	Count    int // failures in a row that take a machine out
}

// Outbound gives a machine a range of a frontend's ports for what it begins itself.
type Outbound struct {
	Frontend, Protocol string // protocol "tcp", "udp" or "all"
	Member
	Ports    int // how many, before the range is settled
	From, To uint16
}

// frontends are the addresses that the multiplexer answers for.
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

// addresses are those of the machines.
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

// outboundAddresses are those of machines that go out through the balancer.
func (c Config) outboundAddresses() []string {
	var found []string
	for _, o := range c.Outbound {
		found = append(found, o.Address)
	}
	return found
}

// mark is the packet mark by which a machine is chosen: the last part of its
// address, which is its own in a /24, so that it never changes hands.
func mark(address string) int {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is4() {
		return 0
	}
	return int(a.As4()[3])
}
