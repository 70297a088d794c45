package turns

import (
	"slices"
	"strings"
	"testing"
)

// at is the position of an operation among all operations, in the order in which they
// began; -1 if there was none.
func (s *stage) at(what, name string) int {
	return slices.IndexFunc(s.events, func(e event) bool { return e.what == what && e.name == name })
}

// A node with a data disk is drained before its VM is removed, but stays a member of the
// Swarm. Its disk is not touched, and grows without a rebuild. A disk that is kept is never
// deleted.
func TestNodesWithDataStayMembers(t *testing.T) {
	s := open(t)
	with := func(more ...string) map[string]string {
		settings := map[string]string{"averazure:dataDiskGB": "4", "averazure:keepData": "true"}
		for i := 0; i < len(more); i += 2 {
			settings["averazure:"+more[i]] = more[i+1]
		}
		return settings
	}
	const image = "Debian:debian-13:13-gen2:0.20251006.2257"
	s.must("up", with())
	s.must("up", with(), "--expect-no-changes")
	s.must("up", with("vmImage", image))
	for _, node := range nodes[:3] {
		if s.at("delete", node+"-member") >= 0 {
			t.Errorf("%s was taken out of the Swarm", node)
		}
		drained, gone, made := s.at("delete", node+"-drain"), s.at("delete", node), s.at("create", node)
		if drained < 0 || gone < drained || made < gone {
			t.Errorf("%s: drained %d, its VM deleted %d and created %d", node, drained, gone, made)
		}
	}
	s.must("up", with("vmImage", image), "--expect-no-changes")

	s.must("up", with("vmImage", image, "dataDiskGB", "8"))
	for _, node := range nodes[:3] {
		if s.at("update", node+"-data") < 0 || s.at("delete", node) >= 0 {
			t.Errorf("%s did not grow, or was rebuilt: %+v", node, s.events)
		}
	}
	if said, err := s.run("up", with("vmImage", image)); err == nil || !strings.Contains(said, "averazure:dataDiskGB: 4") {
		t.Errorf("a smaller disk: %v\n%s", err, said)
	}
	if said, err := s.run("preview", with("vmImage", image, "dataDiskGB", "8", "managers", "1")); err == nil || !strings.Contains(said, "averazure:keepData: aver-manager-2-data") {
		t.Errorf("fewer managers: %v\n%s", err, said)
	}
	if said, err := s.run("destroy", nil); err == nil || !strings.Contains(said, "aver-manager-data") || !strings.Contains(said, "protected") {
		t.Errorf("destroy: %v\n%s", err, said)
	}
	off := with("vmImage", image, "dataDiskGB", "8", "keepData", "false")
	s.must("up", off)
	off["averazure:managers"] = "1"
	s.must("up", off)
	s.must("destroy", nil)
}

// An existing Pulumi stack gets its data disks while it runs: no VM is rebuilt, and no node
// leaves.
func TestDisksComeLater(t *testing.T) {
	s := open(t)
	s.must("up", nil)
	s.must("up", map[string]string{"averazure:dataDiskGB": "4"})
	for _, node := range nodes[:3] {
		for _, never := range []string{node, node + "-member", node + "-join", node + "-init"} {
			if s.at("delete", never) >= 0 {
				t.Errorf("%s was deleted", never)
			}
		}
		if s.at("update", node) < 0 || s.at("create", node+"-move") < s.at("create", node+"-drain") {
			t.Errorf("%s: %+v", node, s.events)
		}
	}
	s.must("up", map[string]string{"averazure:dataDiskGB": "4"}, "--expect-no-changes")
	s.must("up", map[string]string{"averazure:dataDiskGB": "4", "averazure:vmImage": "Debian:debian-13:13-gen2:0.20251006.2257"})
	for _, node := range nodes[:3] {
		if s.at("delete", node+"-member") >= 0 {
			t.Errorf("%s was taken out of the Swarm", node)
		}
	}
}
