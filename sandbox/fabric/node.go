package fabric

import (
	"fmt"
	"strings"
)

// Uplink is a VM's connection to the internet, at its virtual switch.
type Uplink struct {
	Private  string    // address in the VM's own network
	Network  string    // the range of that network
	Address  string    // address on the internet, or empty
	Hidden   bool      // the address is only for a balancer's packets
	Forwards []Forward // what a balancer forwards to the VM
	Outbound string    // outbound protocol of a VM with a hidden address: "tcp", "udp", "all" or none
	Balancer string    // the load balancer's address
}

// The switch marks the connections of packets that it changes: probeMark for the balancer's
// probes, forwardMark and higher values for forwarded packets.
const (
	probeMark   = 0xfab00000
	forwardMark = 0xfab00001
	markMask    = 0xfff00000
	// platform is the source address of Azure's probes.
	// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
	platform = "168.63.129.16"
	// probeTable routes the answers to probes, which would otherwise go to the VM's own
	// interface of that address.
	probeTable = 4000
)

// nodeTable is the nftables table of the switch in a VM.
const nodeTable = "averazure_uplink"

// Script sets up the switch and replaces an earlier setup. It rewrites addresses before
// and after connection tracking. So the VM, its filter and its Docker see a packet for
// the balancer as one from the client to the private address.
func (u Uplink) Script() string {
	var out strings.Builder
	fmt.Fprintf(&out, "#!/bin/sh\n# The VM's connection to the internet.\nwhile ip rule del lookup %d 2>/dev/null; do :; done\n", probeTable)
	if len(u.Forwards) > 0 {
		// A VM that connects to the balancer may get itself as the target. Its public
		// address is on the VM here, so the kernel would drop such a packet as forged.
		out.WriteString("echo 1 >/proc/sys/net/ipv4/conf/all/accept_local\n")
		fmt.Fprintf(&out, "ip rule add fwmark %#x lookup %d\nip route replace default via %s table %d\n", probeMark, probeTable, u.Balancer, probeTable)
	}
	if u.Hidden {
		fmt.Fprintf(&out, hiddenRoutes, u.Address, u.Balancer)
	}
	fmt.Fprintf(&out, "exec nft -f - <<'END'\ntable ip %[1]s\ndelete table ip %[1]s\n", nodeTable)
	if len(u.Forwards) > 0 || u.Hidden {
		fmt.Fprintf(&out, "table ip %s {\n%s}\n", nodeTable, u.chains())
	}
	out.WriteString("END\n")
	return out.String()
}

// hiddenRoutes leave a VM with a hidden address one route out, through the balancer. If the
// VM itself used the balancer's address, this machine's bridge, which tracks connections,
// would see the answers to the VM twice and drop the second one.
const hiddenRoutes = `set -- $(ip -o -4 addr show to %[1]s)
ip route replace %[2]s dev "$2" src %[1]s
ip route replace default via %[2]s dev "$2" src %[1]s
ip route show dev "$2" proto kernel | while read -r network rest; do ip route del "$network" dev "$2" proto kernel; done
`

func (u Uplink) chains() string {
	var arrive, leave []string
	if len(u.Forwards) > 0 {
		arrive = append(arrive, fmt.Sprintf("iifname \"eth*\" ip saddr %s ip daddr %s ip saddr set %s ip daddr set %s meta mark set %#x", u.Balancer, u.Address, platform, u.Private, probeMark))
		leave = append(leave, fmt.Sprintf("ct mark %#x ct direction reply ip saddr set %s ip daddr set %s meta mark set 0", probeMark, u.Address, u.Balancer))
	}
	for i, f := range u.Forwards {
		arrive = append(arrive, fmt.Sprintf("iifname \"eth*\" ip daddr %[1]s %[2]s dport %[3]d %[2]s dport set %[4]d ip daddr set %[5]s meta mark set %#[6]x",
			f.Frontend, f.Protocol, f.Port, f.BackendPort, u.Private, forwardMark+i))
		leave = append(leave, fmt.Sprintf("ct mark %#x ct direction reply %s sport set %d ip saddr set %s", forwardMark+i, f.Protocol, f.Port, f.Frontend))
	}
	ours := fmt.Sprintf("meta mark & %#x == %#x ", markMask, probeMark)
	note := []string{
		ours + "ct mark set meta mark",
		ours + "meta mark set 0",
		fmt.Sprintf("ct mark %#x ct direction reply meta mark set %#x", probeMark, probeMark),
	}
	if u.Hidden {
		note = append(note, fmt.Sprintf("iifname \"eth*\" ip daddr %s ct state new drop", u.Address))
	}
	return chain("arrive", "filter hook prerouting priority -350", arrive) +
		chain("note", "filter hook prerouting priority -190", note) +
		chain("answer", "route hook output priority -150", note[2:3]) +
		chain("leave", "filter hook postrouting priority 300", leave) +
		u.wayOut()
}

// wayOut blocks outbound connections of a VM without a public address, unless an outbound
// rule allows them. No outbound rule allows ICMP.
// https://learn.microsoft.com/azure/load-balancer/outbound-rules#limitations
func (u Uplink) wayOut() string {
	if !u.Hidden {
		return ""
	}
	what := ""
	if u.Outbound != "" {
		what = "meta l4proto != " + protocols(u.Outbound) + " "
	}
	return chain("stay", "filter hook postrouting priority 50", []string{
		fmt.Sprintf("oifname \"eth*\" ip daddr != %s ct direction original %sdrop", u.Network, what)})
}

func chain(name, hook string, rules []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\tchain %s {\n\t\ttype %s; policy accept;\n", name, hook)
	for _, rule := range rules {
		out.WriteString("\t\t" + rule + "\n")
	}
	out.WriteString("\t}\n")
	return out.String()
}
