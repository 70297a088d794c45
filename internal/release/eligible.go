package release

import (
	"net"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// accepts tells whether Swarm would give a node a new task of a service.
func accepts(placement *swarm.Placement, node swarm.Node) bool {
	return takes(node) && fits(placement, node) && (placement == nil || runsOn(placement.Platforms, node.Description.Platform))
}

// runsOn tells whether a node has one of an image's platforms, by swarmkit's rules. No
// platforms means any platform.
// https://github.com/moby/swarmkit/blob/master/manager/scheduler/filter.go (PlatformFilter)
func runsOn(platforms []swarm.Platform, node swarm.Platform) bool {
	one := strings.NewReplacer("x86_64", "amd64", "aarch64", "arm64").Replace
	return len(platforms) == 0 || slices.ContainsFunc(platforms, func(p swarm.Platform) bool {
		return (p.Architecture == "" || one(p.Architecture) == one(node.Architecture)) && (p.OS == "" || p.OS == node.OS)
	})
}

// fits tells whether a service's constraints let its tasks run on a node. The rules are
// swarmkit's: keys and values are compared without regard to case, names of labels with
// it.
// https://docs.docker.com/reference/cli/docker/service/create/#constraint
func fits(placement *swarm.Placement, node swarm.Node) bool {
	return placement == nil || !slices.ContainsFunc(placement.Constraints, func(constraint string) bool { return !meets(constraint, node) })
}

func meets(constraint string, node swarm.Node) bool {
	key, value, equal := strings.Cut(constraint, "==")
	if !equal {
		var unequal bool
		if key, value, unequal = strings.Cut(constraint, "!="); !unequal {
			return true // Docker refuses it itself
		}
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if strings.EqualFold(key, "node.ip") {
		within, valid := isAt(node.Status.Addr, value)
		return valid && within == equal
	}
	have, known := property(key, node)
	return known && strings.EqualFold(have, value) == equal
}

// isAt tells whether a node's address is the one in a constraint, or in the network in a
// constraint.
func isAt(address, wanted string) (within, valid bool) {
	own := net.ParseIP(address)
	if one := net.ParseIP(wanted); one != nil {
		return one.Equal(own), true
	}
	_, network, err := net.ParseCIDR(wanted)
	return err == nil && network.Contains(own), err == nil
}

// property is a node's value for a constraint's key. A key that Swarm does not know matches
// no node.
func property(key string, node swarm.Node) (string, bool) {
	lower := strings.ToLower(key)
	switch lower {
	case "node.id":
		return node.ID, true
	case "node.hostname":
		return node.Description.Hostname, true
	case "node.role":
		return string(node.Spec.Role), true
	case "node.platform.os":
		return node.Description.Platform.OS, true
	case "node.platform.arch":
		return node.Description.Platform.Architecture, true
	}
	if strings.HasPrefix(lower, "node.labels.") {
		return node.Spec.Labels[key[len("node.labels."):]], true
	}
	if strings.HasPrefix(lower, "engine.labels.") {
		return node.Description.Engine.Labels[key[len("engine.labels."):]], true
	}
	return "", false
}

// up tells whether the Swarm runs tasks on a node, or would run them.
func up(node swarm.Node) bool { return stateOf(node) == string(swarm.NodeStateReady) }

// takes tells whether new tasks may go to a node.
func takes(node swarm.Node) bool {
	return up(node) && node.Spec.Availability == swarm.NodeAvailabilityActive
}
