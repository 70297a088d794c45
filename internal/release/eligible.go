package release

import (
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// fits tells whether a service's constraints let its tasks run on a node. The rules
// are swarmkit's: keys and values are compared without case, labels' values with it.
// https://docs.docker.com/reference/cli/docker/service/create/#constraint
func fits(placement *swarm.Placement, node swarm.Node) bool {
	if placement == nil {
		return true
	}
	for _, constraint := range placement.Constraints {
		if !meets(constraint, node) {
			return false
		}
	}
	return true
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
	have, known := property(key, node)
	if !known {
		return true
	}
	return strings.EqualFold(have, value) == equal
}

// property is what a constraint's key means of a node.
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
		return architecture(node.Description.Platform.Architecture), true
	}
	if strings.HasPrefix(lower, "node.labels.") {
		return node.Spec.Labels[key[len("node.labels."):]], true
	}
	if strings.HasPrefix(lower, "engine.labels.") {
		return node.Description.Engine.Labels[key[len("engine.labels."):]], true
	}
	return "", false
}

// architecture is the name that images and constraints have for a machine's.
func architecture(name string) string {
	switch name {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return name
}

// up tells whether the Swarm runs tasks on a node, or would.
func up(node swarm.Node) bool { return stateOf(node) == string(swarm.NodeStateReady) }

// takes tells whether new tasks may go to a node.
func takes(node swarm.Node) bool {
	return up(node) && node.Spec.Availability == swarm.NodeAvailabilityActive
}
