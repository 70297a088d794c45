package release

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Callers of stackctl wait long enough for the slowest rolling update and for its way back.
func TestLongestOfFollowsTheSlowestUpdate(t *testing.T) {
	s := Defaults()
	replicas := uint64(12)
	slow := swarm.ServiceSpec{
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
		UpdateConfig: &swarm.UpdateConfig{Parallelism: 1, Delay: 5 * time.Minute},
	}
	global := swarm.ServiceSpec{Mode: swarm.ServiceMode{Global: &swarm.GlobalService{}}, UpdateConfig: &swarm.UpdateConfig{Parallelism: 1, Delay: time.Minute}}
	if got := s.LongestOf(stackfile.Specs{}, 3); got != s.Longest() {
		t.Errorf("nothing to update: %s, want %s", got, s.Longest())
	}
	if got := s.LongestOf(stackfile.Specs{Services: map[string]swarm.ServiceSpec{"a_slow": slow, "a_plain": {}}}, 3); got < s.Longest()+2*time.Hour {
		t.Errorf("12 tasks with 5 minutes between them: %s", got)
	}
	of := func(nodes int) time.Duration {
		return s.LongestOf(stackfile.Specs{Services: map[string]swarm.ServiceSpec{"a_global": global}}, nodes)
	}
	if of(3) != of(10) || of(10) >= of(11) || of(3) < s.Longest()+20*time.Minute {
		t.Errorf("a global service on 3, 10 and 11 nodes: %s, %s, %s", of(3), of(10), of(11))
	}
}
