package release

import (
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

// Of what a constraint means Swarm's own reading counts: a global service has to have as
// many tasks as there are nodes that fit.
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
