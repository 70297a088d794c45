package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"

	"averazure/sandbox/images"
)

// Rule is one rule of a packet filter.
type Rule struct {
	Allow    bool
	Protocol string         // "tcp", "udp", "icmp", "esp", "ah", or "*"
	Sources  []netip.Prefix // none: any source
	Ports    []PortRange    // destination; none: any
}

// PortRange is a range of ports, both ends included.
type PortRange struct{ From, To uint16 }

// filterFile holds the rules in a VM, which loads them at boot.
const filterFile = "/etc/averazure/filter.nft"

// Filter sets which packets may enter the VM. The first matching rule decides; without
// rules no packet may enter. Answers to the VM's own connections may always enter. The
// rules survive a reboot and apply to a VM that is not booted yet.
func (r *Room) Filter(ctx context.Context, vmID string, rules []Rule) error {
	text, err := renderFilter(rules)
	if err != nil {
		return err
	}
	if err := r.storeFilter(vmID, []byte(text)); err != nil {
		return err
	}
	found, err := r.find(ctx, labelVM, vmID)
	if err != nil || found == nil {
		return err
	}
	content, err := images.Tar(map[string][]byte{filterFile: []byte(text)}, nil)
	if err != nil {
		return err
	}
	if err := r.docker.CopyToContainer(ctx, found.ID, "/", content, container.CopyToContainerOptions{}); err != nil {
		return err
	}
	if found.State != "running" {
		return nil // loaded at boot
	}
	var out bytes.Buffer
	status, err := r.execContainer(ctx, found.ID, []string{"nft", "-f", filterFile}, nil, &out, &out)
	if err == nil && status != 0 {
		err = fmt.Errorf("load the security rules of %s: nft: %s", found.Labels[labelNode], strings.TrimSpace(out.String()))
	}
	return err
}

func (r *Room) filterPath(vmID string) string {
	return filepath.Join(r.StateDir, "filters", shortHash(vmID)+".nft")
}

func (r *Room) storeFilter(vmID string, text []byte) error {
	file := r.filterPath(vmID)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return writeFile(file, text, 0o644)
}

// storedFilter are the VM's rules, or nil if it has none.
func (r *Room) storedFilter(vmID string) ([]byte, error) {
	text, err := os.ReadFile(r.filterPath(vmID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func (r *Room) dropFilter(vmID string) error {
	err := os.Remove(r.filterPath(vmID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// filterHead judges packets after connection tracking (priority -200) and before
// destination NAT (-100), so a rule applies to the requested port and not to where Docker
// sends it. Only the eth interfaces lead outside; packets of the VM's own containers are
// not filtered.
const filterHead = `table inet averazure
delete table inet averazure
table inet averazure {
	chain inbound {
		type filter hook prerouting priority -150; policy accept;
		iifname != "eth*" accept
		ct state established,related accept
		meta l4proto ipv6-icmp accept
`

// renderFilter formats the rules as an nftables file that replaces the earlier table in
// one step.
func renderFilter(rules []Rule) (string, error) {
	var out strings.Builder
	out.WriteString(filterHead)
	for i, rule := range rules {
		line, err := renderRule(rule)
		if err != nil {
			return "", fmt.Errorf("rule %d: %w", i+1, err)
		}
		out.WriteString("\t\t" + line + "\n")
	}
	out.WriteString("\t\tdrop\n\t}\n}\n")
	return out.String(), nil
}

func renderRule(rule Rule) (string, error) {
	var parts []string
	if len(rule.Sources) > 0 {
		parts = append(parts, "ip saddr { "+renderList(rule.Sources, netip.Prefix.String)+" }")
	}
	protocol := strings.ToLower(rule.Protocol)
	switch {
	case protocol == "icmp" || protocol == "esp" || protocol == "ah":
		parts = append(parts, "meta l4proto "+protocol)
	case protocol == "tcp" || protocol == "udp":
		if len(rule.Ports) == 0 {
			parts = append(parts, "meta l4proto "+protocol)
		} else {
			parts = append(parts, protocol+" dport { "+renderList(rule.Ports, PortRange.String)+" }")
		}
	case protocol == "*" && len(rule.Ports) == 0:
	case protocol == "*":
		parts = append(parts, "meta l4proto { tcp, udp } th dport { "+renderList(rule.Ports, PortRange.String)+" }")
	default:
		return "", fmt.Errorf("unknown protocol %q; use tcp, udp, icmp, esp, ah or *", rule.Protocol)
	}
	verdict := "drop"
	if rule.Allow {
		verdict = "accept"
	}
	return strings.Join(append(parts, verdict), " "), nil
}

func renderList[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = text(item)
	}
	return strings.Join(texts, ", ")
}

// String formats the range as nftables does.
func (p PortRange) String() string {
	if p.From == p.To {
		return fmt.Sprint(p.From)
	}
	return fmt.Sprintf("%d-%d", p.From, p.To)
}
