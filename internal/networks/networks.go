// Package networks checks a network that the user configured: whether it is one, and whose
// addresses it would take.
package networks

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// The networks that Private and OnBridge look for, as an error message lists them.
const (
	PrivateNames = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"
	BridgeNames  = "172.17.0.0/16 or 172.18.0.0/16"
)

var (
	// private are the networks that do not exist on the internet (RFC 1918).
	private = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16")}
	// bridges are Docker's own on every node: docker0 and docker_gwbridge.
	bridges = []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16"), netip.MustParsePrefix("172.18.0.0/16")}
)

// Parse reads an IPv4 network in CIDR form whose host bits are zero. Its errors
// say what to write instead.
func Parse(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil && isAddress(text):
		return prefix, fmt.Errorf("not a network in CIDR form; a single address is %s/32", text)
	case err != nil:
		return prefix, errors.New("not a network in CIDR form, such as 192.0.2.0/24")
	case !prefix.Addr().Is4():
		return prefix, errors.New("only IPv4 networks are supported")
	case prefix != prefix.Masked():
		return prefix, fmt.Errorf("has bits set beyond its mask; the network is %s", prefix.Masked())
	}
	return prefix, nil
}

func isAddress(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is4()
}

// Within tells whether one of the outer networks holds every address of the inner.
func Within(inner netip.Prefix, outer ...netip.Prefix) bool {
	return slices.ContainsFunc(outer, func(o netip.Prefix) bool {
		return o.Bits() <= inner.Bits() && o.Overlaps(inner)
	})
}

// Private tells whether every address of the network is private.
func Private(network netip.Prefix) bool { return Within(network, private...) }

// OnBridge tells whether the network takes addresses that Docker on the nodes uses itself.
func OnBridge(network netip.Prefix) bool {
	return slices.ContainsFunc(bridges, network.Overlaps)
}
