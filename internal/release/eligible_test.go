package release

import (
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

// Swarm's own reading of a constraint counts: a global service must have as many tasks as
// there are nodes that fit.
func TestConstraintsMeanWhatSwarmMakesOfThem(t *testing.T) {
	node := swarm.Node{ID: "n1", Status: swarm.NodeStatus{Addr: "10.20.1.4"}, Spec: swarm.NodeSpec{Role: swarm.NodeRoleWorker,
		Annotations: swarm.Annotations{Labels: map[string]string{"zone": "West"}}}}
	node.Description.Hostname, node.Description.Platform = "aver-worker-1", swarm.Platform{OS: "linux", Architecture: "x86_64"}
	node.Description.Engine.Labels = map[string]string{"disk": "fast"}
	for constraint, want := range map[string]bool{
		"node.id == n1":                true,
		"node.hostname!=aver-worker-1": false,
		"node.role == WORKER":          true,
		"node.platform.arch==x86_64":   true,
		"node.platform.arch==amd64":    false,
		"node.platform.os != windows":  true,
		"node.labels.zone == west":     true,
		"node.labels.Zone == west":     false,
		"engine.labels.disk != slow":   true,
		"node.ip == 10.20.1.4":         true,
		"node.ip != 10.20.1.4":         false,
		"node.ip == 10.20.1.5":         false,
		"node.ip == 10.20.0.0/16":      true,
		"node.ip != 10.20.0.0/16":      false,
		"node.ip == here":              false,
		"node.ip != here":              false,
		"node.zone == west":            false,
		"node.zone != west":            false,
	} {
		if got := fits(&swarm.Placement{Constraints: []string{constraint}}, node); got != want {
			t.Errorf("%s: %v", constraint, got)
		}
	}
}

// A new task is placed on a node that has one of the image's platforms. Images and nodes
// use different names for the same platform.
func TestNodesAcceptImagesOfTheirPlatform(t *testing.T) {
	node := swarm.Node{Status: swarm.NodeStatus{State: swarm.NodeStateReady}, Spec: swarm.NodeSpec{Availability: swarm.NodeAvailabilityActive}}
	node.Description.Platform = swarm.Platform{OS: "linux", Architecture: "x86_64"}
	for want, lists := range map[bool][][]swarm.Platform{
		true: {nil, {{OS: "linux", Architecture: "amd64"}}, {{OS: "linux", Architecture: "x86_64"}}, {{OS: "linux"}}, {{}},
			{{OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "amd64"}}},
		false: {{{OS: "linux", Architecture: "arm64"}}, {{OS: "windows", Architecture: "amd64"}}, {{OS: "unknown", Architecture: "unknown"}}},
	} {
		for _, platforms := range lists {
			if got := accepts(&swarm.Placement{Platforms: platforms}, node); got != want {
				t.Errorf("%v: %v", platforms, got)
			}
		}
	}
	node.Spec.Availability = swarm.NodeAvailabilityDrain
	if accepts(nil, node) {
		t.Error("a drained node accepts a task")
	}
}
