package turns

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// One `up` rebuilds or restarts all nodes, one after another, and a preview shows it like
// any other change. A run that stopped midway is continued by the next one.
func TestNodesGoOneAfterAnother(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	if said := s.must("up", nil, "--expect-no-changes"); strings.Contains(said, "Duration") {
		t.Log(said[strings.Index(said, "Resources:"):])
	}
	image := map[string]string{"averazure:vmImage": "Debian:debian-13:13-gen2:0.20251006.2257"}
	if said := s.must("preview", image); strings.Count(said, "VirtualMachine") < len(nodes) || len(s.events) > 0 {
		t.Errorf("the preview says\n%s", said)
	}
	s.must("up", image)
	s.oneAfterAnother(nodes...)
	s.must("up", image, "--expect-no-changes")

}

// Before a VM restarts for another size, a manager has to drain it. In this test no manager
// does, so neither the first VM nor any after it is touched.
func TestNoNodeRestartsThatCannotBeDrained(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	said, err := s.run("up", map[string]string{"averazure:managerSize": "Standard_D2as_v5", "averazure:workerSize": "Standard_D2as_v5"})
	if err == nil || !strings.Contains(said, "aver-manager ") || !strings.Contains(said, fmt.Sprint("status ", refusal)) {
		t.Errorf("the run ends with %v:\n%s", err, said)
	}
	s.oneAfterAnother()
}

func TestTurnsStopAndGoOn(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	image := map[string]string{"averazure:vmImage": "Debian:debian-13:13-gen2:0.20251006.2257"}
	s.fails = "aver-manager-2-back"
	began := time.Now()
	said, err := s.run("up", image)
	if err == nil || !strings.Contains(said, "aver-manager-2-back fails") {
		t.Errorf("the run ends with %v after %s:\n%s", err, time.Since(began), said)
	}
	s.oneAfterAnother(nodes[:2]...)
	s.fails = ""
	s.must("up", image)
	s.oneAfterAnother(nodes[1:]...)
}

// A run ends when the first manager is in the Swarm, but nothing is there yet that could
// take it out again. The next run, which would rebuild all nodes, only finishes the first
// manager, and rebuilds the others. The run after that rebuilds the first manager.
func TestAnUnfinishedNodeIsNotRebuilt(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	s.fails = "aver-manager-2-join"
	if _, err := s.run("up", map[string]string{"averazure:vmImage": "Debian:debian-13:13-gen2:0.20251006.2257"}); err == nil {
		t.Fatal("the run came through")
	}
	s.fails = ""
	another := map[string]string{"averazure:vmImage": "Debian:debian-13:13-gen2:0.20251117.2299"}
	s.must("up", another)
	s.oneAfterAnother(nodes[1:]...)
	s.must("up", another)
	s.oneAfterAnother(nodes[:1]...)
}

// A destroy deletes the VMs at the same time, also after a run in which nodes took turns.
func TestDestroyTakesNoTurns(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	s.must("up", map[string]string{"averazure:vmImage": "Debian:debian-13:13-gen2:0.20251006.2257"})
	s.must("destroy", nil)
	overlap := false
	for i, e := range s.events {
		for _, other := range s.events[:i] {
			overlap = overlap || e.vm && other.vm && e.began.Before(other.end) && other.began.Before(e.end)
		}
	}
	if !overlap {
		t.Errorf("no two VMs go at the same time: %+v", s.events)
	}
}

// New Docker settings reach one node after another. If Docker has to restart for them, the
// node has to be drained first: in this test no manager does so, so neither the first node
// nor any after it is touched. New mirrors restart nothing.
func TestDockersSettingsComeOneAfterAnother(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	mirrors := map[string]string{"averazure:registryMirrors[0]": "https://mirror.example.com"}
	s.must("up", mirrors)
	last := -1
	for _, node := range nodes {
		at := s.at("update", node+"-settings")
		if at <= last || s.at("update", node+"-resume") >= 0 {
			t.Errorf("%s gets its settings at %d, after %d, and takes tasks again at %d", node, at, last, s.at("update", node+"-resume"))
		}
		last = at
	}
	said, err := s.run("up", map[string]string{"averazure:registryMirrors[0]": "https://mirror.example.com", "averazure:logMaxSize": "11m"})
	if err == nil || !strings.Contains(said, "aver-manager ") || !strings.Contains(said, fmt.Sprint("status ", refusal)) {
		t.Errorf("the run ends with %v:\n%s", err, said)
	}
	for _, node := range nodes {
		if s.at("update", node+"-settings") >= 0 {
			t.Errorf("%s has its settings, and was not drained", node)
		}
	}
}
