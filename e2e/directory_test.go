package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// newDeployer replaces the application of GitHub's workflows, and with it everything that
// refers to it.
var newDeployer = []string{"up", "--yes", "--replace", "**Application::aver-deployer"}

// applications are the ids of Entra's applications in the sandbox's cloud.
func applications(t *testing.T) []string {
	t.Helper()
	_, resources, err := box.cloud()
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(resources, func(_ string, raw json.RawMessage) bool {
		var entry struct{ Token string }
		return json.Unmarshal(raw, &entry) != nil || !strings.HasSuffix(entry.Token, ":Application")
	})
	return slices.Sorted(maps.Keys(resources))
}

func TestSlowLateEntraIsWaitedFor(t *testing.T) {
	isSlow(t)
	out := box.mustRun(t, append([]string{"pulumi", "--late-directory", "1", "--"}, newDeployer...)...)
	// The principal, the federated credential, and two role assignments.
	if got := strings.Count(out, "\n    warning: retrying create due to on-error hook request (1/"); got != 4 {
		t.Errorf("%d creations were tried again, want 4", got)
	}
	if got := applications(t); len(got) != 2 {
		t.Errorf("there are the applications %q, want two", got)
	}
}

func TestSlowUnseenApplicationIsGoneOnWith(t *testing.T) {
	isSlow(t)
	before := applications(t)
	out, err := box.run(t.Context(), 5*time.Minute, append([]string{"pulumi", "--unseen-directory", "--"}, newDeployer...)...)
	if err == nil {
		t.Fatal("the up passed")
	}
	goesOn(t)
	mustSay(t, out, "Timed out whilst waiting for new application", "--refresh")
	if strings.Contains(out, "retrying create") {
		t.Error("the application was made a second time")
	}
	made := slices.DeleteFunc(applications(t), func(id string) bool { return slices.Contains(before, id) })
	if len(made) != 1 {
		t.Fatalf("the failed up made the applications %q, want one", made)
	}
	box.mustRun(t, "pulumi", "--", "up", "--yes", "--refresh")
	if got := applications(t); len(got) != 2 || !slices.Contains(got, made[0]) {
		t.Errorf("there are the applications %q, want two and %s among them", got, made[0])
	}
}
