package fabric

import (
	"fmt"
	"strings"
)

// table is the name of our nftables table in the multiplexer.
const table = "averazure_balancer"

// flow is what tells flows apart. Those of TCP are noted: a flow stays with its
// machine while others come and go, and also when its machine's probe fails
// (https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview#probe-down-behavior).
const flow = "ip saddr . tcp sport . ip daddr . tcp dport"

// head empties the chains and keeps the flows.
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

// rules is the file for `nft -f` that puts a configuration into force in one step.
// A packet is marked with the machine that it goes to; one without a mark goes
// nowhere: no rule is for it, or no machine is healthy.
//
// What machines without an address of their own begin passes through here and gets
// the balancer's address, which needs connection tracking. Nothing else does: of
// what is passed on, only one half is seen.
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

// outboundChains give each machine without an address its range of ports, and drop
// what is for the balancer but neither passed on nor an answer.
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

// marks are those of all machines, and 0.
func marks(c Config) string {
	all := "0"
	for _, address := range c.addresses() {
		all += fmt.Sprintf(", %d", mark(address))
	}
	return all
}

// listenerChain keeps a flow where it is and gives a new one to a healthy machine.
func listenerChain(number int, l Listener, untracked string, healthy func(Listener, Member) bool) string {
	var in []string
	for _, m := range l.Members {
		if healthy(l, m) {
			in = append(in, fmt.Sprintf("%d : %d", len(in), mark(m.Address)))
		}
	}
	lines := []string{"drop"} // all are down: new flows are, too
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
			// A port that a client uses again begins another flow.
			fmt.Sprintf("delete @flows { %s : meta mark }", flow),
		}, append(lines, note)...)
	}
	lines = append([]string{untracked}, lines...)
	return fmt.Sprintf("\tchain listener%d {\n\t\t%s\n\t}\n", number, strings.Join(lines, "\n\t\t"))
}

// route is the routing table that leads to the machine with a mark.
func route(mark int) int { return 1000 + mark }
