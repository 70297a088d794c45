package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// namespaces is where the engine keeps those of its networks.
const namespaces = "/run/docker/netns"

// here is the node's own network namespace.
const here = "/proc/self/ns/net"

// applied is what a namespace was last given, and when. A namespace that was made
// anew under the same name has nothing of it.
type applied struct {
	inode uint64
	rules string
	at    time.Time
}

// renewal is how long what was given is relied upon. The number of a namespace
// is given again once it is gone, so the same number may be another namespace;
// and others may have changed what they found.
const renewal = 10 * time.Second

// has says whether the namespace was given just this lately.
func (a applied) has(inode uint64, rules string, now time.Time) bool {
	return a.inode == inode && a.rules == rules && now.Sub(a.at) < renewal
}

// doubt makes the next step give everything again.
func (a *Agent) doubt() {
	for path, was := range a.applied {
		was.at = time.Time{}
		a.applied[path] = was
	}
	a.ingress.at = time.Time{}
}

// apply gives every namespace of the node the rules of the table, if they
// differ from what it has.
func (a *Agent) apply(ctx context.Context, table Table) error {
	var errs []error
	sbox := filepath.Join(namespaces, "ingress_sbox")
	if address := a.ingressAddress(ctx, sbox); address != "" {
		errs = append(errs,
			a.give(ctx, sbox, ingressRules(table), nil),
			a.give(ctx, here, nodeRules(table, address), func() error { return letIn(ctx, address) }))
	}
	balancers, _ := filepath.Glob(filepath.Join(namespaces, "lb_*"))
	for _, path := range balancers {
		network := strings.TrimPrefix(filepath.Base(path), "lb_")
		errs = append(errs, a.give(ctx, path, vipRules(table, network)+vipNote(table, network), func() error {
			return setAliases(ctx, path, onNetwork(table, network))
		}))
	}
	return errors.Join(errs...)
}

// clear takes the published ports back when the node has left its Swarm. What
// was in the Swarm's own namespaces has gone with them.
func (a *Agent) clear(ctx context.Context) error {
	a.table = Table{}
	if a.applied[here].rules == "" {
		return nil
	}
	if err := a.give(ctx, here, ruleset(""), nil); err != nil {
		return err
	}
	if rule := letInRule(a.ingress.address); a.ingress.address != "" && iptables(ctx, "-C", rule) == nil {
		if err := iptables(ctx, "-D", rule); err != nil {
			return err
		}
	}
	a.applied, a.ingress = map[string]applied{}, ingress{}
	return nil
}

// vipNote makes a change of the addresses one of the rules, which name only
// those that have tasks.
func vipNote(table Table, network string) string {
	var out strings.Builder
	for _, vip := range onNetwork(table, network) {
		out.WriteString("# " + vip.Address + "\n")
	}
	return out.String()
}

// give loads the rules in the namespace, after what must be there first.
func (a *Agent) give(ctx context.Context, path, rules string, first func() error) error {
	want := applied{inode(path), rules, time.Now()}
	if want.inode == 0 || a.applied[path].has(want.inode, rules, want.at) {
		return nil
	}
	if first != nil {
		if err := first(); err != nil {
			return err
		}
	}
	if _, err := within(ctx, path, rules, "nft", "-f", "-"); err != nil {
		return err
	}
	a.applied[path] = want
	return nil
}

// inode tells namespaces apart; 0 is none.
func inode(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}

// commandTime bounds each of the agent's commands: all of them are quick, and one
// that hangs must not keep the other namespaces waiting.
var commandTime = 10 * time.Second

// within runs a command in a network namespace and returns what it prints.
func within(ctx context.Context, path, stdin string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + path}, argv...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s in %s: %w: %s", argv[0], path, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// ingressAddress is the ingress namespace's address on the bridge to the node,
// or "" while the engine is still setting it up.
func (a *Agent) ingressAddress(ctx context.Context, path string) string {
	id := inode(path)
	if id == 0 {
		return ""
	}
	if a.ingress.inode == id && time.Since(a.ingress.at) < renewal {
		return a.ingress.address
	}
	bridge, err := within(ctx, here, "", "ip", "-o", "-4", "addr", "show", "dev", "docker_gwbridge")
	if err != nil {
		return ""
	}
	inside, err := within(ctx, path, "", "ip", "-o", "-4", "addr")
	if err != nil {
		return ""
	}
	address := sharedAddress(listAddresses(bridge), listAddresses(inside))
	if address != "" {
		a.ingress = ingress{id, address, time.Now()}
	}
	return address
}

// sharedAddress is the inner address that lies in an outer one's network.
func sharedAddress(outer, inner []string) string {
	for _, network := range outer {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			continue
		}
		for _, candidate := range inner {
			if address, err := netip.ParseAddr(bare(candidate)); err == nil && prefix.Contains(address) {
				return address.String()
			}
		}
	}
	return ""
}

// listAddresses reads the output of `ip -o -4 addr`.
func listAddresses(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for i := 0; i+1 < len(fields); i++ {
			if fields[i] == "inet" {
				address := fields[i+1]
				if !strings.Contains(address, "/") {
					address += "/32"
				}
				found = append(found, address)
			}
		}
	}
	return found
}

// letIn allows what the node forwards to the ingress namespace, ahead of the
// rules by which the engine closes its bridges.
func letIn(ctx context.Context, address string) error {
	rule := letInRule(address)
	if iptables(ctx, "-C", rule) != nil {
		if err := iptables(ctx, "-I", rule); err != nil {
			return err
		}
	}
	// Connections of the node to itself come from a loopback address.
	return os.WriteFile("/proc/sys/net/ipv4/conf/docker_gwbridge/route_localnet", []byte("1"), 0o644)
}

func letInRule(address string) []string {
	return []string{"DOCKER-USER", "-d", address, "-o", "docker_gwbridge", "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"}
}

// iptables does something with a rule of the node. Others hold its lock for
// moments only.
func iptables(ctx context.Context, what string, rule []string) error {
	_, err := within(ctx, here, "", append([]string{"iptables", "-w", "5", what}, rule...)...)
	return err
}

// setAliases gives the balancer of a network its services' addresses, for
// which the tasks on the node then ask it.
func setAliases(ctx context.Context, path string, vips []VIP) error {
	text, err := within(ctx, path, "", "ip", "-o", "-4", "addr", "show", "dev", "eth0")
	if err != nil {
		return err
	}
	add, remove := aliases(listAddresses(text), vips)
	var errs []error
	for _, address := range remove {
		_, err := within(ctx, path, "", "ip", "addr", "del", address, "dev", "eth0")
		errs = append(errs, err)
	}
	for _, address := range add {
		_, err := within(ctx, path, "", "ip", "addr", "add", address, "dev", "eth0")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
