package hosts

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/docker/docker/api/types/network"
)

// DefaultCIDR is the default network for the sandbox's internet, from the range for
// benchmarks (RFC 2544), which is not routed.
const DefaultCIDR = "198.18.0.0/24"

// settleInternet uses the network that an existing sandbox already has, so only a sandbox's
// first command needs --network. It refuses a different network.
func (r *Room) settleInternet(ctx context.Context, asked string) error {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: r.mine(labelRole, "internet")})
	if err != nil || len(found) == 0 || len(found[0].IPAM.Config) == 0 {
		return err
	}
	has, err := parseInternet(found[0].IPAM.Config[0].Subnet)
	if err != nil {
		return err
	}
	if asked != "" && has != r.internet {
		return fmt.Errorf("the sandbox %q has the network %s, not %s; leave --network out, or run `down` first", r.Name, has, r.internet)
	}
	r.internet, r.CIDR = has, has.String()
	return nil
}

// parseInternet accepts an IPv4 /24, which has room for the fixed addresses and the VMs.
func parseInternet(cidr string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() != 24 {
		return netip.Prefix{}, fmt.Errorf("--network %q is not an IPv4 /24; use a range such as %s", cidr, DefaultCIDR)
	}
	return prefix.Masked(), nil
}

// internetName is the name of the Docker network that emulates the internet.
func (r *Room) internetName() string { return r.Name + "-internet" }

// ensureInternet creates the network of the public addresses.
func (r *Room) ensureInternet(ctx context.Context) error {
	_, err := r.ensureNetwork(ctx, r.internetName(), network.CreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: r.CIDR, Gateway: r.HostAddress()}}},
		Labels: r.labels("internet"),
	}, labelRole, "internet")
	return err
}
