package survey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

func TestEveryDifferenceHasItsCommand(t *testing.T) {
	c := New("aver", "", []Node{{Name: "aver-manager"}, {Name: "aver-worker-1"}, {Name: "aver-worker-2"}})
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
	of := func(found []Difference) (commands []string) {
		for _, difference := range found {
			commands = append(commands, difference.Resource)
		}
		return commands
	}
	commands := of(append(assign(status, "aver", "aver", true), c.gone(status)...))
	want := []string{"aver-deploy", "aver-deploy", "aver-secrets", "aver-worker-1-member", "aver-worker-1-member", "aver-manager", "", "aver-deploy", "aver-worker-2-join", "aver-worker-2-member"}
	if !slices.Equal(commands, want) {
		t.Errorf("commands %v, want %v", commands, want)
	}
	// Every stack's status has the nodes' differences; they count once, for the main stack.
	if commands, want := of(assign(status, "aver", "web", false)), []string{"aver-web-deploy", "aver-web-deploy", "aver-secrets", "aver-web-deploy"}; !slices.Equal(commands, want) {
		t.Errorf("commands of a further stack %v, want %v", commands, want)
	}
}

// A problem with backups is a warning, and causes no update.
func TestFailedBackupsAreReported(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	status := release.Status{Backups: []release.BackupStatus{
		{Host: "aver-manager", Whole: now.Add(-10 * time.Hour)},
		{Host: "aver-manager-2", Whole: now.Add(-60 * time.Hour)},
		{Host: "aver-manager-3", Whole: now.Add(-10 * time.Hour), Problem: "no right"},
	}}
	found := backups(status, now)
	if len(found) != 2 || found[0].Resource+found[1].Resource != "" || !strings.Contains(found[0].Text, " aver-manager-2: ") || !strings.Contains(found[0].Text, " 2026-02-27 00:00 UTC") || !strings.Contains(found[1].Text, " aver-manager-3: no right") {
		t.Errorf("%+v", found)
	}
}
