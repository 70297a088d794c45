// Package mesh replaces IPVS in a Swarm on kernels without it: the ports that services
// publish on every node, and the services' virtual addresses. Managers share which tasks
// run, and every node turns that into NAT rules. The program and the stack file do not
// notice it.
package mesh

import (
	"embed"
	"net/netip"
	"slices"
	"strings"
)

// Sources are this package's files, from which the sandbox builds the agent.
//
//go:embed *.go agent/*.go
var Sources embed.FS

// Table is the load balancing of a Swarm.
type Table struct {
	Ports []Port // published on every node
	VIPs  []VIP  // virtual addresses of services
}

// Port is a published port and its targets.
type Port struct {
	Protocol          string // "tcp" or "udp"
	Published, Target uint32
	Tasks             []string // addresses on the ingress network
}

// VIP is a service's address on one of its networks.
type VIP struct {
	Network string // id
	Address string
	Tasks   []string // addresses on that network
}

// service, task and attachment are the parts of the engine's API that matter here.
type service struct {
	ID       string
	Endpoint struct {
		Ports []struct {
			Protocol      string
			TargetPort    uint32
			PublishedPort uint32
			PublishMode   string
		}
		VirtualIPs []struct{ NetworkID, Addr string }
	}
}

type task struct {
	ServiceID           string
	DesiredState        string
	Status              struct{ State string }
	NetworksAttachments []attachment
}

type attachment struct {
	Network struct {
		ID   string
		Spec struct{ Ingress bool }
	}
	Addresses []string
}

// serving tells whether the task gets new connections: it runs, is healthy if it has a
// health check, and is not about to be stopped. The engine waits two seconds between that
// decision and the signal.
func (t task) serving() bool { return t.DesiredState == "running" && t.Status.State == "running" }

// tabulate derives the table. Its order depends only on its content, so an unchanged
// Swarm gives an unchanged table.
func tabulate(services []service, tasks []task) Table {
	var table Table
	for _, s := range services {
		addresses, ingress := addressesOf(s, tasks)
		var onIngress []string
		for id, list := range addresses {
			if ingress[id] {
				onIngress = list
			}
		}
		for _, p := range s.Endpoint.Ports {
			if p.PublishMode == "ingress" && p.PublishedPort != 0 && (p.Protocol == "tcp" || p.Protocol == "udp") {
				table.Ports = append(table.Ports, Port{p.Protocol, p.PublishedPort, p.TargetPort, onIngress})
			}
		}
		for _, vip := range s.Endpoint.VirtualIPs {
			if vip.Addr != "" && !ingress[vip.NetworkID] {
				table.VIPs = append(table.VIPs, VIP{vip.NetworkID, bare(vip.Addr), addresses[vip.NetworkID]})
			}
		}
	}
	slices.SortFunc(table.Ports, func(a, b Port) int {
		return cmpOr(strings.Compare(a.Protocol, b.Protocol), int(a.Published)-int(b.Published))
	})
	slices.SortFunc(table.VIPs, func(a, b VIP) int {
		return cmpOr(strings.Compare(a.Network, b.Network), compareAddresses(a.Address, b.Address))
	})
	return table
}

// addressesOf returns the addresses of a service's tasks by network, and which of these
// networks is for ingress.
func addressesOf(s service, tasks []task) (addresses map[string][]string, ingress map[string]bool) {
	addresses, ingress = map[string][]string{}, map[string]bool{}
	for _, t := range tasks {
		for _, a := range t.NetworksAttachments {
			if t.ServiceID != s.ID || !t.serving() {
				continue
			}
			ingress[a.Network.ID] = a.Network.Spec.Ingress
			for _, address := range a.Addresses {
				addresses[a.Network.ID] = append(addresses[a.Network.ID], bare(address))
			}
		}
	}
	for _, list := range addresses {
		sortAddresses(list)
	}
	return addresses, ingress
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// bare is an address without its prefix length.
func bare(address string) string {
	address, _, _ = strings.Cut(address, "/")
	return address
}

func sortAddresses(list []string) { slices.SortFunc(list, compareAddresses) }

// compareAddresses orders numerically; an invalid address comes first.
func compareAddresses(a, b string) int {
	left, _ := netip.ParseAddr(a)
	right, _ := netip.ParseAddr(b)
	return left.Compare(right)
}
