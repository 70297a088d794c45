package survey

import (
	"strings"
	"testing"
)

// A command that is about a manager runs on another manager that answers, or on itself if
// there is no other.
func TestRunTakesAnotherManager(t *testing.T) {
	for about, want := range map[string]string{"manager-1": "manager-2", "manager-2": "manager-1", "worker-1": "manager-1"} {
		f := newField(t, 3, 1)
		if err := f.cluster.Run(t.Context(), about, "member leave", "the script"); err != nil {
			t.Fatal(err)
		}
		if got := <-f.ran; got != want+": member leave: the script" {
			t.Errorf("about %s: %s", about, got)
		}
	}
	f := newField(t, 3, 0)
	f.dead["manager-2"] = true
	if err := f.cluster.Run(t.Context(), "manager-1", "member leave", ""); err != nil || <-f.ran != "manager-3: member leave: " {
		t.Errorf("with a dead manager: %v", err)
	}
	f.dead["manager-3"] = true
	if err := f.cluster.Run(t.Context(), "manager-1", "member leave", ""); err == nil || len(f.ran) > 0 || strings.Contains(err.Error(), "--refresh") || !strings.Contains(err.Error(), "manager-2 (203.0.113.2)") {
		t.Errorf("where no other manager answers: %v, %d", err, len(f.ran))
	}
	f = newField(t, 1, 1)
	if err := f.cluster.Run(t.Context(), "manager-1", "member leave", ""); err != nil || <-f.ran != "manager-1: member leave: " {
		t.Errorf("with one manager: %v", err)
	}
}
