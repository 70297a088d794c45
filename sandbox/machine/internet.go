package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/network"
)

// DefaultCIDR is the internet of a sandbox that was not given one. It is a part
// of the network for benchmarks (RFC 2544), which nobody routes.
const DefaultCIDR = "198.18.0.0/24"

// internetFile keeps a sandbox's internet, so that only its first call names it.
const internetFile = "network"

// chooseInternet is the network that the options name, else the one that the
// sandbox already has. Another one than that would find nothing of it.
func chooseInternet(opts Options) (netip.Prefix, error) {
	text, err := os.ReadFile(filepath.Join(opts.StateDir, internetFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return netip.Prefix{}, err
	}
	kept := strings.TrimSpace(string(text))
	switch {
	case opts.CIDR == "" && kept == "":
		return parseInternet(DefaultCIDR)
	case opts.CIDR == "":
		return parseInternet(kept)
	}
	asked, err := parseInternet(opts.CIDR)
	if err == nil && kept != "" && kept != asked.String() {
		err = fmt.Errorf("the sandbox %q has the network %s, not %s; leave --network out, or take the sandbox down first", opts.Name, kept, asked)
	}
	return asked, err
}

// parseInternet accepts an IPv4 /24: the sandbox's fixed addresses need 10, and
// its nodes some more.
func parseInternet(cidr string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() != 24 {
		return netip.Prefix{}, fmt.Errorf("the sandbox's internet is %q; it must be an IPv4 /24, as %s", cidr, DefaultCIDR)
	}
	return prefix.Masked(), nil
}

// internetName is the name of the Docker network that plays the internet.
func (r *Room) internetName() string { return r.Name + "-internet" }

// ensureInternet makes the network on which public addresses lie, and keeps
// which one it is: one that could not be made binds nobody.
func (r *Room) ensureInternet(ctx context.Context) error {
	_, err := r.ensureNetwork(ctx, r.internetName(), network.CreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: r.CIDR, Gateway: r.HostAddress()}}},
		Labels: r.labels("internet"),
	}, labelRole, "internet")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.StateDir, internetFile), []byte(r.CIDR+"\n"), 0o644)
}
