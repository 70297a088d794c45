package drift

import (
	"context"
	"errors"
	"slices"
	"testing"

	"averazure/internal/release"
	"averazure/internal/survey"
)

func TestMarkStaysWhileNothingDiffers(t *testing.T) {
	for _, mark := range []string{"", "0123456789ab"} {
		if got := next(mark, "aver-deploy", []survey.Difference{{Resource: "aver-secrets", Text: "secret db: missing"}}); got != mark {
			t.Errorf("the mark %q became %q", mark, got)
		}
	}
}

// TestDriftIsAnotherMark expects another mark when there is drift: the same one in a
// preview and in its update, and again another one when the same drift comes back after it
// was repaired.
func TestDriftIsAnotherMark(t *testing.T) {
	one := survey.Difference{Resource: "aver-deploy", Text: "service aver_api: replicas 5, released 2"}
	two := survey.Difference{Resource: "aver-deploy", Text: "service aver_seq: gone"}
	first := next("", "aver-deploy", []survey.Difference{one, two})
	if again := next("", "aver-deploy", []survey.Difference{two, one}); first == "" || again != first {
		t.Errorf("marks %q and %q", first, again)
	}
	if later := next(first, "aver-deploy", []survey.Difference{one, two}); later == first {
		t.Error("drift that came back has the mark that the state has already")
	}
	if found := markPattern.FindStringSubmatch("sudo stackctl deploy aver" + Comment(first)); found == nil || found[1] != first {
		t.Errorf("the mark is not found again in %q", Comment(first))
	}
}

func TestStateIsReadFromWhatTheLastRunLeft(t *testing.T) {
	s := readState(map[string]map[string]any{
		"urn:pulumi:dev::averazure::pulumi:pulumi:Stack::averazure-dev": {"outputs": map[string]any{
			"managerIp": "203.0.113.4", "sshUser": "aver", "adminPrivateKey": "KEY",
			"nodes": []any{map[string]any{"name": "aver-manager", "role": "manager", "publicAddress": "203.0.113.4"}},
		}},
		"urn:pulumi:dev::averazure::averazure:cluster:Cluster$command:remote:Command::aver-deploy":                         {"outputs": map[string]any{"update": "x # drift 0123456789ab"}},
		"urn:pulumi:dev::averazure::averazure:cluster:Cluster$command:remote:Command::aver-secrets":                        {"outputs": map[string]any{"update": "x # machine drift"}},
		"urn:pulumi:dev::averazure::averazure:infra:Infra$azure-native:compute/v20230301:VirtualMachine::aver-manager":     {"outputs": map[string]any{"tags": map[string]any{Tag: "ba9876543210"}}},
		"urn:pulumi:dev::averazure::averazure:infra:Infra$azure-native:compute/v20230301:VirtualMachine::aver-worker-1":    {"outputs": map[string]any{"zones": []any{"2"}}},
		"urn:pulumi:dev::averazure::averazure:infra:Infra$azure-native:network/v20190601:PublicIPAddress::aver-manager-ip": {"outputs": map[string]any{"ipAddress": "203.0.113.4"}},
	})
	if !s.isUp() || s.cluster.Nodes[0].PublicAddress != s.manager {
		t.Errorf("state %+v", s)
	}
	marks := &Marks{before: s}
	for name, want := range map[string]string{"aver-manager": "", "aver-worker-1": "2"} {
		if zone, made := marks.Zone(name); zone != want || !made {
			t.Errorf("%s is in zone %q (%v), want %q", name, zone, made, want)
		}
	}
	if _, made := marks.Zone("aver-worker-2"); made {
		t.Error("a VM that nobody made has a zone")
	}
	if marks := (&Marks{before: s}); !slices.Equal(marks.Addresses(), []string{"203.0.113.4"}) || (*Marks)(nil).Addresses() != nil {
		t.Errorf("addresses %q", marks.Addresses())
	}
	if marks := (&Marks{before: s}); !marks.Made("aver-secrets") || marks.Made("aver-names") || (*Marks)(nil).Made("aver-secrets") {
		t.Errorf("made are %v", s.made)
	}
	if len(s.marks) != 2 || s.marks["aver-deploy"] != "0123456789ab" || s.marks["aver-manager"] != "ba9876543210" {
		t.Errorf("marks %v", s.marks)
	}
}

func TestFirstUpAsksNobody(t *testing.T) {
	if s := readState(nil); s.isUp() {
		t.Error("there is nobody to ask")
	}
}

func TestOnlyAStackThatAnsweredIsAskedForADiff(t *testing.T) {
	m := Known{
		Status: map[string]release.Status{"aver": {}},
		Diff:   func(stack string, _ []byte) (release.Diff, error) { return release.Diff{Stack: stack}, nil },
	}.Marks()
	if diff, err := m.Diff(context.Background(), "aver", nil); err != nil || diff.Stack != "aver" {
		t.Errorf("%+v, %v", diff, err)
	}
	if _, err := m.Diff(context.Background(), "other", nil); !errors.Is(err, survey.ErrNobody) {
		t.Errorf("a stack of which nobody said anything: %v", err)
	}
}

// Before the first `pulumi up`, and in tests of the layers, there are no marks.
func TestNoMarksReachEverything(t *testing.T) {
	if err := (*Marks)(nil).Reach(context.Background(), []survey.Stop{{Node: "aver-manager", Address: "203.0.113.99", HostKey: "K"}}); err != nil {
		t.Error(err)
	}
}
