package mesh

import (
	"fmt"
	"strings"
)

// tableName is the nftables table in each network namespace. It is replaced in one step.
const tableName = "averazure_mesh"

// ruleset wraps chains into a file for `nft -f` that replaces the earlier one.
func ruleset(chains string) string {
	return fmt.Sprintf("table ip %[1]s\ndelete table ip %[1]s\ntable ip %[1]s {\n%[2]s}\n", tableName, chains)
}

func chain(name, hook string, rules []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\tchain %s {\n\t\ttype nat hook %s; policy accept;\n", name, hook)
	for _, rule := range rules {
		out.WriteString("\t\t" + rule + "\n")
	}
	out.WriteString("\t}\n")
	return out.String()
}

// These priorities come before Docker's rules (-100), which would handle packets to a
// local address themselves.
const (
	before      = "prerouting priority -110"
	beforeLocal = "output priority -110"
	after       = "postrouting priority 90"
)

// nodeRules forward packets for a published port, from outside and from the node itself,
// to the ingress namespace.
func nodeRules(table Table, ingress string) string {
	var rules []string
	for _, protocol := range []string{"tcp", "udp"} {
		if ports := published(table, protocol); ports != "" {
			rules = append(rules, fmt.Sprintf("fib daddr type local %s dport { %s } dnat to %s", protocol, ports, ingress))
		}
	}
	return ruleset(chain("inbound", before, rules) + chain("local", beforeLocal, rules) +
		// Packets from the node's loopback address could not be answered, so the source is
		// replaced.
		chain("outbound", after, []string{"ip daddr " + ingress + " fib saddr type local ct status dnat masquerade"}))
}

func published(table Table, protocol string) string {
	var ports []string
	for _, port := range table.Ports {
		if port.Protocol == protocol {
			ports = append(ports, fmt.Sprint(port.Published))
		}
	}
	return strings.Join(ports, ", ")
}

// ingressRules distribute the packets for a published port among its tasks. They use this
// node as the source, so the answers return through it.
func ingressRules(table Table) string {
	var rules []string
	for _, port := range table.Ports {
		if len(port.Tasks) > 0 {
			rules = append(rules, fmt.Sprintf("fib daddr type local %s dport %d dnat to %s:%d",
				port.Protocol, port.Published, spread(port.Tasks), port.Target))
		}
	}
	return ruleset(chain("inbound", before, rules) + chain("outbound", after, masquerade))
}

var masquerade = []string{"ct status dnat masquerade"}

// vipRules distribute the packets for a network's virtual addresses among the tasks. They
// belong in the network's namespace.
func vipRules(table Table, network string) string {
	var rules []string
	for _, vip := range onNetwork(table, network) {
		if len(vip.Tasks) > 0 {
			rules = append(rules, fmt.Sprintf("ip daddr %s dnat to %s", vip.Address, spread(vip.Tasks)))
		}
	}
	return ruleset(chain("inbound", before, rules) + chain("outbound", after, masquerade))
}

// onNetwork returns the virtual addresses on the network whose id has this prefix.
func onNetwork(table Table, prefix string) []VIP {
	var found []VIP
	for _, vip := range table.VIPs {
		if strings.HasPrefix(vip.Network, prefix) {
			found = append(found, vip)
		}
	}
	return found
}

// spread selects the addresses in turn, connection by connection.
func spread(addresses []string) string {
	if len(addresses) == 1 {
		return addresses[0]
	}
	turns := make([]string, len(addresses))
	for i, address := range addresses {
		turns[i] = fmt.Sprintf("%d : %s", i, address)
	}
	return fmt.Sprintf("numgen inc mod %d map { %s }", len(addresses), strings.Join(turns, ", "))
}

// aliases returns which virtual addresses an interface must add and remove. The
// interface's own address has a shorter prefix.
func aliases(present []string, vips []VIP) (add, remove []string) {
	wanted := map[string]bool{}
	for _, vip := range vips {
		wanted[vip.Address+"/32"] = true
	}
	for _, address := range present {
		if wanted[address] {
			delete(wanted, address)
		} else if strings.HasSuffix(address, "/32") {
			remove = append(remove, address)
		}
	}
	for _, vip := range vips {
		if wanted[vip.Address+"/32"] {
			add = append(add, vip.Address+"/32")
		}
	}
	return add, remove
}
