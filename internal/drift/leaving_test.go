package drift

import (
	"slices"
	"strings"
	"testing"

	"averazure/internal/release"
	"averazure/internal/settings"
	"averazure/internal/survey"
)

func TestANodeWithBoundDataDoesNotGo(t *testing.T) {
	bound := []release.BoundService{
		{Name: "aver_db", Nodes: []string{"worker-2"}, Constraints: []string{"node.hostname == worker-2"}, Data: []string{"volume aver_data"}},
		{Name: "aver_spread", Nodes: []string{"worker-1", "worker-2"}, Constraints: []string{"node.role==worker"}, Data: []string{"volume aver_spread"}},
	}
	for name, test := range map[string]struct {
		going             string
		bound             []release.BoundService
		refused, warnings string // the services, or nodes, that the refusal and the warnings name
	}{
		"the only one with it":   {"worker-2", bound, "aver_db", "aver_spread"},
		"one of two":             {"worker-1", bound, "", "aver_spread"},
		"both":                   {"worker-1 worker-2", bound, "aver_db aver_spread", ""},
		"another one":            {"worker-3", bound, "", ""},
		"nothing is bound":       {"worker-2", []release.BoundService{}, "", ""},
		"nobody could be asked":  {"worker-2", nil, "", "worker-2"},
		"nobody, about two that": {"worker-1 worker-2", nil, "", "worker-1 worker-2"},
	} {
		problem, warnings := refuse("averazure:workers", strings.Fields(test.going), test.bound)
		said := ""
		if problem != nil {
			said = problem.Error()
		}
		if (problem != nil) != (test.refused != "") || (len(warnings) > 0) != (test.warnings != "") {
			t.Errorf("%s: refused with %v, warnings %q", name, problem, warnings)
		}
		for _, want := range strings.Fields(test.refused) {
			if !strings.Contains(said, want) || !strings.Contains(said, "averazure:workers: ") {
				t.Errorf("%s: %q does not name %s and the setting", name, said, want)
			}
		}
		for _, want := range strings.Fields(test.warnings) {
			if !strings.Contains(strings.Join(warnings, "\n"), want) {
				t.Errorf("%s: %q does not name %s", name, warnings, want)
			}
		}
	}
}

// fiveNodes are three managers and two workers.
func fiveNodes() []survey.Node {
	return []survey.Node{
		{Name: "manager-1", Role: survey.Manager, PublicAddress: "203.0.113.1"},
		{Name: "manager-2", Role: survey.Manager, PublicAddress: "203.0.113.2"},
		{Name: "manager-3", Role: survey.Manager, PublicAddress: "203.0.113.3"},
		{Name: "worker-1", Role: "worker"}, {Name: "worker-2", Role: "worker"},
	}
}

func TestTheSettingThatHasNodesGoIsNamed(t *testing.T) {
	s := state{cluster: survey.New("aver", "", fiveNodes())}
	for going, want := range map[string]string{
		"worker-2":            "averazure:workers",
		"manager-2 manager-3": "averazure:managers",
		"manager-3 worker-1":  "averazure:managers and averazure:workers",
		"manager-1 manager-2 manager-3 worker-1 worker-2": "averazure:prefix",
	} {
		var stay []string
		for _, n := range s.cluster.Nodes {
			if !strings.Contains(going, n.Name) {
				stay = append(stay, n.Name)
			}
		}
		if got := s.settings(strings.Fields(going), stay); got != want {
			t.Errorf("%s: %s, want %s", going, got, want)
		}
	}
}

// Removing the door of the last run is refused while other nodes stay. Nodes leave the
// Swarm through it, and nothing runs on a VM that is deleted too: the others would stay
// members, and two of three managers would be dead members.
func TestTheDoorOfTheLastRunDoesNotGo(t *testing.T) {
	for name, test := range map[string]struct{ door, stay, refused string }{
		"the door":          {"203.0.113.3", "manager-1 worker-1", "manager-3"},
		"other managers":    {"203.0.113.1", "manager-1 worker-1", ""},
		"a worker":          {"203.0.113.3", "manager-1 manager-2 manager-3", ""},
		"the whole cluster": {"203.0.113.3", "other-manager", ""},
		"an unknown door":   {"", "manager-1", ""},
	} {
		before := state{cluster: survey.New("aver", "", fiveNodes()[:4]), manager: test.door, vms: map[string]string{}}
		for _, n := range before.cluster.Nodes {
			before.vms[n.Name] = "id"
		}
		answer := survey.Answer{Status: map[string]release.Status{"aver": {Bound: []release.BoundService{}}}}
		m := &Marks{asked: survey.Answered(before.cluster, nil, answer), main: "aver", before: before}
		err := m.Leaving(strings.Fields(test.stay))
		if (err != nil) != (test.refused != "") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (!slices.Equal(settings.Keys(err), []string{"managers"}) || !strings.Contains(err.Error(), test.refused+" ") || !strings.Contains(err.Error(), "averazure:door")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If no node is removed, the managers' answer is not waited for.
func TestNobodyIsWaitedForWhenNoNodeLeaves(t *testing.T) {
	m := &Marks{before: state{vms: map[string]string{"worker-1": "id"}}} // asked is nil: waiting would panic
	if err := m.Leaving([]string{"manager-1", "worker-1", "worker-2"}); err != nil {
		t.Error(err)
	}
	if err := (*Marks)(nil).Leaving(nil); err != nil {
		t.Error(err)
	}
}
