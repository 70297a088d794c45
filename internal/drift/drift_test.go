package drift

import (
	"errors"
	"slices"
	"testing"

	"averazure/internal/release"
)

func TestMarkStaysWhileNothingDiffers(t *testing.T) {
	for _, mark := range []string{"", "0123456789ab"} {
		if got := next(mark, "aver-deploy", []difference{{"aver-secrets", "secret db: missing"}}); got != mark {
			t.Errorf("the mark %q became %q", mark, got)
		}
	}
}

// TestDriftIsAnotherMark, the same one in a preview and in its update, and again
// another one when the same drift comes back after it was repaired.
func TestDriftIsAnotherMark(t *testing.T) {
	one := difference{"aver-deploy", "service aver_api: replicas 5, released 2"}
	two := difference{"aver-deploy", "service aver_seq: gone"}
	first := next("", "aver-deploy", []difference{one, two})
	if again := next("", "aver-deploy", []difference{two, one}); first == "" || again != first {
		t.Errorf("marks %q and %q", first, again)
	}
	if later := next(first, "aver-deploy", []difference{one, two}); later == first {
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
	if !s.isUp() || s.nodes[0].PublicAddress != s.manager {
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

func TestEveryDifferenceHasItsCommand(t *testing.T) {
	s := state{nodes: []node{{Name: "aver-manager"}, {Name: "aver-worker-1"}, {Name: "aver-worker-2"}}}
	status := release.Status{
		Differences: []release.Difference{
			{Kind: "service", Name: "aver_api"}, {Kind: "network", Name: "aver_net"}, {Kind: "secret", Name: "db"},
			{Kind: "node", Name: "aver-worker-1", Code: release.CodeNodeAvailability},
			{Kind: "node", Name: "aver-worker-1", Code: release.CodeNodeLeaving},
			{Kind: "node", Name: "aver-manager", Code: release.CodeNodeDown},
			{Kind: "node", Name: "aver-worker-1", Code: release.CodeNodeDisk},
			{Kind: "service", Name: "aver_api", Code: release.CodeNameMissing},
		},
		Nodes: []release.NodeStatus{{Name: "aver-manager"}, {Name: "aver-worker-1"}},
	}
	of := func(found []difference) (commands []string) {
		for _, difference := range found {
			commands = append(commands, difference.resource)
		}
		return commands
	}
	commands := of(append(assign(status, "aver", "aver", true), s.gone(status)...))
	want := []string{"aver-deploy", "aver-deploy", "aver-secrets", "aver-worker-1-member", "aver-worker-1-member", "aver-manager", "", "aver-deploy", "aver-worker-2-join", "aver-worker-2-member"}
	if !slices.Equal(commands, want) {
		t.Errorf("commands %v, want %v", commands, want)
	}
	// Nodes come with every stack, and count once.
	if commands, want := of(assign(status, "aver", "web", false)), []string{"aver-web-deploy", "aver-web-deploy", "aver-secrets", "aver-web-deploy"}; !slices.Equal(commands, want) {
		t.Errorf("commands of a further stack %v, want %v", commands, want)
	}
}

// A stackctl that could not tell is no Swarm without nodes.
func TestStatusThatCouldNotBeTold(t *testing.T) {
	failed := []byte(`{"stack":"","outcome":"failed","problems":[{"code":"docker","reason":"no leader"}],"verdict":"no leader","seconds":0}`)
	if _, err := readAnswer[release.Status](failed, 1, errors.New("exit status 1")); err == nil || err.Error() != "no leader" {
		t.Errorf("a failure: %v", err)
	}
	if _, err := readAnswer[release.Status](nil, 0, errors.New("the connection broke")); err == nil || err.Error() != "the connection broke" {
		t.Errorf("no answer: %v", err)
	}
	if status, err := readAnswer[release.Status]([]byte(`{"stack":"aver","nodes":[{"name":"a"}]}`), 0, nil); err != nil || len(status.Nodes) != 1 {
		t.Errorf("a status: %+v, %v", status, err)
	}
	if status, err := readAnswer[release.Status]([]byte(`{"stack":"avr","unknown":["aver"],"nodes":[{"name":"a"}]}`), 2, errors.New("exit status 2")); err != nil || len(status.Nodes) != 1 {
		t.Errorf("of a stack that is not there yet: %v, %+v", err, status)
	}
	if _, err := readAnswer[release.Status]([]byte("{"), 0, nil); err == nil {
		t.Error("half an answer is taken")
	}
}
