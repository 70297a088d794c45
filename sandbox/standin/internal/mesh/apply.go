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

// namespaces is the directory of the engine's network namespaces.
const namespaces = "/run/docker/netns"

// here is the node's own network namespace.
const here = "/proc/self/ns/net"

// applied is the last setup of a namespace. A new namespace of the same name has another
// inode and needs a new setup.
type applied struct {
	inode uint64
	rules string
	at    time.Time
}

// renewal is how long a setup counts as valid. The kernel reuses inodes, so the same
// inode may be another namespace, and others may change the rules.
const renewal = 10 * time.Second

// has tells whether the namespace got these rules recently.
func (a applied) has(inode uint64, rules string, now time.Time) bool {
	return a.inode == inode && a.rules == rules && now.Sub(a.at) < renewal
}

// doubt makes the next step set up everything again.
func (a *Agent) doubt() {
	for path, was := range a.applied {
		was.at = time.Time{}
		a.applied[path] = was
	}
	a.ingress.at = time.Time{}
}

// apply sets up every namespace of the node whose rules differ from the table.
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

// clear removes the published ports after the node left its Swarm. The Swarm's own
// namespaces are gone with it.
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

// vipNote returns all addresses as comments for the rules, since the rules themselves
// contain only addresses with tasks. So a changed address always changes the rules.
func vipNote(table Table, network string) string {
	var out strings.Builder
	for _, vip := range onNetwork(table, network) {
		out.WriteString("# " + vip.Address + "\n")
	}
	return out.String()
}

// give loads the rules in the namespace after calling first.
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

// inode identifies a namespace; 0 means none.
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

// commandTime limits each command. All are quick, and a hanging one must not block the
// other namespaces.
var commandTime = 10 * time.Second

// within runs a command in a network namespace and returns its output.
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

// ingressAddress is the ingress namespace's address on the bridge to the node. It is ""
// while the engine sets the namespace up.
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

// sharedAddress is the inner address in an outer address's network.
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

// listAddresses parses the output of `ip -o -4 addr`.
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

// letIn allows forwarding from the node to the ingress namespace. Its rule comes before the
// engine's rules, which close its bridges.
func letIn(ctx context.Context, address string) error {
	rule := letInRule(address)
	if iptables(ctx, "-C", rule) != nil {
		if err := iptables(ctx, "-I", rule); err != nil {
			return err
		}
	}
	// The node's connections to itself come from a loopback address, which the kernel does
	// not route by default.
	return os.WriteFile("/proc/sys/net/ipv4/conf/docker_gwbridge/route_localnet", []byte("1"), 0o644)
}

func letInRule(address string) []string {
	return []string{"DOCKER-USER", "-d", address, "-o", "docker_gwbridge", "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"}
}

// iptables runs a command on a rule of the node. It waits for the lock, which others hold
// only briefly.
func iptables(ctx context.Context, what string, rule []string) error {
	_, err := within(ctx, here, "", append([]string{"iptables", "-w", "5", what}, rule...)...)
	return err
}

// setAliases gives a network's balancer the services' addresses. Tasks on the node then
// reach the balancer at these addresses.
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
