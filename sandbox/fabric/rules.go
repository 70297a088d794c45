package fabric

import (
	"fmt"
	"strings"
)

// table is the load balancer's nftables table.
const table = "averazure_balancer"

// flow identifies a TCP flow. A flow stays with its VM while other VMs come and go, and
// also when its VM's probe fails.
// https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview#probe-down-behavior
const flow = "ip saddr . tcp sport . ip daddr . tcp dport"

// head clears the chains and keeps the flows.
const head = `table ip %[1]s {
	map flows {
		type ipv4_addr . inet_service . ipv4_addr . inet_service : mark
		flags dynamic,timeout
		size 1048576
		timeout 4m
	}
}
flush table ip %[1]s
table ip %[1]s {
	chain silent {
		type filter hook output priority 0; policy accept;
		icmp type { destination-unreachable, time-exceeded, redirect } drop
	}
`

// rules formats the file for `nft -f` that loads a configuration in one step. A packet's
// mark selects its VM. A packet without a mark is dropped: it matches no rule, or no VM
// is healthy.
//
// Outbound connections of VMs without a public address get the balancer's address here,
// which needs connection tracking. Forwarded packets are not tracked: only one direction
// passes here.
func rules(c Config, healthy func(Listener, Member) bool) string {
	var out strings.Builder
	fmt.Fprintf(&out, head, table)
	untracked := "notrack"
	if own := c.outboundAddresses(); len(own) > 0 {
		untracked = fmt.Sprintf("ip saddr != { %s } notrack", strings.Join(own, ", "))
	}
	for i, l := range c.Listeners {
		out.WriteString(listenerChain(i, l, untracked, healthy))
	}
	out.WriteString("\tchain inbound {\n\t\ttype filter hook prerouting priority -300; policy accept;\n")
	if ours := c.frontends(); len(ours) > 0 {
		line := func(format string, a ...any) { fmt.Fprintf(&out, "\t\t"+format+"\n", a...) }
		frontends := strings.Join(ours, ", ")
		line("ip saddr { %s } ip daddr != { %s } notrack accept", frontends, frontends)
		line("ip daddr != { %s } accept", frontends)
		line("meta mark set 0")
		line("meta mark set %s map @flows", flow)
		line("meta mark != { %s } meta mark set 0", marks(c))
		for i, l := range c.Listeners {
			line("ip daddr %s %s dport %d goto listener%d", l.Frontend, l.Protocol, l.Port, i)
		}
	}
	out.WriteString("\t}\n" + outboundChains(c) + "}\n")
	return out.String()
}

// outboundChains give each VM without a public address its range of ports. They drop
// packets to the balancer that are neither forwarded nor answers.
func outboundChains(c Config) string {
	var sources, strangers []string
	for _, o := range c.Outbound {
		sources = append(sources, fmt.Sprintf("ip saddr %s meta l4proto %s snat to %s:%d-%d", o.Address, protocols(o.Protocol), o.Frontend, o.From, o.To))
	}
	for _, frontend := range c.frontends() {
		strangers = append(strangers, fmt.Sprintf("ip daddr %s meta mark 0 drop", frontend))
	}
	return chain("source", "nat hook postrouting priority 100", sources) + chain("strangers", "filter hook forward priority 0", strangers)
}

func protocols(protocol string) string {
	if protocol == "all" {
		return "{ tcp, udp }"
	}
	return protocol
}

// marks are the marks of all VMs, and 0.
func marks(c Config) string {
	all := "0"
	for _, address := range c.addresses() {
		all += fmt.Sprintf(", %d", mark(address))
	}
	return all
}

// listenerChain keeps known flows and gives new ones to healthy VMs.
func listenerChain(number int, l Listener, untracked string, healthy func(Listener, Member) bool) string {
	var in []string
	for _, m := range l.Members {
		if healthy(l, m) {
			in = append(in, fmt.Sprintf("%d : %d", len(in), mark(m.Address)))
		}
	}
	lines := []string{"drop"} // no VM is healthy: drop new flows
	if len(in) > 0 {
		hash := "ip saddr . th sport . ip daddr . th dport"
		if l.BySource {
			hash = "ip saddr . ip daddr"
		}
		lines = []string{fmt.Sprintf("meta mark set jhash %s mod %d seed 0x5eed map { %s }", hash, len(in), strings.Join(in, ", "))}
	}
	if l.Protocol == "tcp" {
		unknown := "drop"
		if l.Reset {
			unknown = "reject with tcp reset"
		}
		note := fmt.Sprintf("update @flows { %s timeout %dm : meta mark }", flow, l.Idle)
		lines = append([]string{
			fmt.Sprintf("tcp flags & (fin | rst) != 0 meta mark != 0 update @flows { %s timeout 10s : meta mark } accept", flow),
			"tcp flags & (syn | ack) != syn meta mark != 0 " + note + " accept",
			"tcp flags & (syn | ack) != syn " + unknown,
			// A reused client port starts a new flow.
			fmt.Sprintf("delete @flows { %s : meta mark }", flow),
		}, append(lines, note)...)
	}
	lines = append([]string{untracked}, lines...)
	return fmt.Sprintf("\tchain listener%d {\n\t\t%s\n\t}\n", number, strings.Join(lines, "\n\t\t"))
}

// route is the routing table for a mark.
func route(mark int) int { return 1000 + mark }
