package release

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"averazure/internal/backup"
	"averazure/internal/stackfile"
)

// Whatever fails, no container remains paused afterwards, and the rest is backed up.
func TestNobodyStaysFrozen(t *testing.T) {
	recipient, identity := pair(t)
	for what, spoil := range map[string]func(*backingUp){
		"the store takes nothing": func(s *backingUp) {
			s.store.Fail = func(verb, name string) error {
				if verb == "put" && strings.HasPrefix(name, "volume/") {
					return errors.New("no right")
				}
				return nil
			}
		},
		"the volume is gone":      func(s *backingUp) { _ = os.RemoveAll(s.node.place("shop_data")) },
		"of another driver":       func(s *backingUp) { s.node.driver = "nfs" },
		"it cannot be stopped":    func(s *backingUp) { s.node.fail["pause"] = errors.New("no cgroup") },
		"nobody says who uses it": func(s *backingUp) { s.node.fail["list"] = errors.New("away") },
	} {
		virtual(t, what, func(t *testing.T) {
			s := backing(t, &backup.Memory{}, recipient, identity, "manager")
			expect(t, deploys(s.b.Deployer, specsOf(service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
			s.node.write(t, "shop_data", "x")
			s.node.uses["shop_data"] = "c1"
			spoil(s)
			got := s.b.Backup(t.Context())
			if got.Outcome != Failed || len(got.Problems) != 1 || got.Problems[0].Code != "backup" || len(s.node.paused) > 0 {
				t.Errorf("%+v; %v stand still", got, s.node.paused)
			}
			if names := inStore(s.store); !slices.Equal(names, []string{"swarm swarm manager"}) {
				t.Errorf("%v", names)
			}
			if _, err := os.Stat(s.b.Frozen); err == nil {
				t.Error("the note of who stands still is there still")
			}
		})
	}
}

// The next run unpauses the containers that a dead process left paused.
func TestThaw(t *testing.T) {
	recipient, identity := pair(t)
	s := backing(t, &backup.Memory{}, recipient, identity, "manager")
	s.node.uses["shop_data"] = "c1"
	unlock, err := s.b.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.b.freeze(t.Context(), "shop_data"); err != nil || !s.node.paused["c1"] {
		t.Fatal(err)
	}
	// While that process is alive, no other process pauses or unpauses anything.
	expect(t, s.b.Backup(t.Context()), Busy, 0, "busy")
	expect(t, s.b.Thaw(t.Context()), Runs, 0)
	if !s.node.paused["c1"] || len(inStore(s.store)) > 0 {
		t.Errorf("%v stand still, %v was stored", s.node.paused, inStore(s.store))
	}
	unlock()
	s.node.fail["unpause"] = errors.New("away")
	expect(t, s.b.Thaw(t.Context()), Failed, 0, "backup")
	s.node.fail["unpause"] = nil
	for range 2 {
		if expect(t, s.b.Thaw(t.Context()), Runs, 0); len(s.node.paused) > 0 {
			t.Errorf("%v stand still", s.node.paused)
		}
	}
}
