package machine

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/docker/docker/api/types/network"
)

// DefaultCIDR is the internet of a sandbox that was not given one. It is a part
// of the network for benchmarks (RFC 2544), which nobody routes.
const DefaultCIDR = "198.18.0.0/24"

// settleInternet takes the network that the sandbox already has, so that only its
// first call names it. Another one than that would find nothing of it.
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
		return fmt.Errorf("the sandbox %q has the network %s, not %s; leave --network out, or take the sandbox down first", r.Name, has, r.internet)
	}
	r.internet, r.CIDR = has, has.String()
	return nil
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

// ensureInternet makes the network on which public addresses lie.
func (r *Room) ensureInternet(ctx context.Context) error {
	_, err := r.ensureNetwork(ctx, r.internetName(), network.CreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: r.CIDR, Gateway: r.HostAddress()}}},
		Labels: r.labels("internet"),
	}, labelRole, "internet")
	return err
}
