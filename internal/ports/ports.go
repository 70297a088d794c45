// Package ports knows which ports the nodes need themselves: the packet filter must not
// open them to others, and no service may publish on them.
package ports

var kept = map[int]string{
	22:   "SSH (averazure:sshCidrs opens it)",
	2375: "Docker's unprotected API",
	2376: "Docker's API",
	2377: "the Swarm's management",
	4789: "the Swarm's overlay networks",
	7946: "the Swarm's gossip",
}

// Open are the TCP ports that the packet filter opens.
type Open struct {
	// Public are open to everybody.
	Public []int
	// Admin are open to averazure:adminCidrs only.
	Admin []int
	// Waiting are averazure:adminPorts that nobody reaches while averazure:adminCidrs is
	// empty.
	Waiting []int
}

// Kept says what uses a port on every node; empty if the port is free.
func Kept(port int) string { return kept[port] }
