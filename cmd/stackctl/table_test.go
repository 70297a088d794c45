package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"averazure/internal/golden"
	"averazure/internal/release"
)

func aStatus() release.Status {
	time1 := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	list := []release.ReleaseStatus{
		{Number: 6, By: "pulumi", Time: time1.Add(-time.Hour), Images: map[string]string{"aver_api": "ghcr.io/org/api@sha256:" + strings.Repeat("ab", 32)}},
		{Number: 7, Changes: []string{"back to release 5, from 6"}, From: "stack-repo", By: "stack-repo", RolledBack: &release.RolledBack{From: 6, To: 5, Changes: []string{"service api: replicas 2 -> 4"}}, Time: time1, Revision: strings.Repeat("0123456789", 4), Actor: "ada",
			Images: map[string]string{"aver_api": "ghcr.io/org/api:2@sha256:" + strings.Repeat("ab", 32), "aver_seq": "seq"}},
	}
	return release.Status{
		Stack: "aver", Release: &list[1], Releases: list, InSync: false, Healthy: false,
		Differences: []release.Difference{{Text: "service aver_api: replicas 5, released 2"}, {Text: "node aver-worker-1: drained"}},
		Services: []release.ServiceStatus{
			{Name: "aver_api", State: "up", Desired: 5, Running: 5, Image: list[1].Images["aver_api"], Update: "completed"},
			{Name: "aver_migrate", State: "up", Desired: 1, Done: 1, Image: "migrate:1"},
			{Name: "aver_seq", State: "crashing", Desired: 1, Image: "seq", Reason: "task aver_seq.1 on aver-manager: task: non-zero exit (1)\x1b[2J"},
		},
		Nodes: []release.NodeStatus{
			{Name: "aver-manager", Role: "manager", State: "ready", Availability: "active", Leader: true, Reachable: true, LabelsOK: true},
			{Name: "aver-worker-1", Role: "worker", State: "ready", Availability: "drain", LabelsOK: true},
		},
		Secrets:   []release.SecretStatus{{Name: "azure_client_id", Version: "azure_client_id-0123456789ab"}},
		Deploying: &release.Holder{Stack: "aver", Host: "aver-manager-2", Since: time1},
		LastAttempt: &release.Attempt{Time: time1.Add(time.Hour), Host: "aver-manager", By: "stack-repo", Revision: "0123456", Actor: "ada", Outcome: release.PutBack,
			Verdict: "aver: the deployment failed (task aver_api.1: non-zero exit (3)); release 7 runs again"},
		Paused: &release.Paused{Until: time1.Add(time.Hour), Why: "trying\x1b[31m a limit"},
	}
}

// What others wrote neither moves the cursor nor begins a line.
func TestSayIsSafeInALog(t *testing.T) {
	var out bytes.Buffer
	a := &app{err: &out}
	a.say("failed: %s\n", "one\n::error::two\x1b[2J\u009b31m")
	if out.String() != "stackctl: failed: one\nstackctl: ::error::two [2J 31m\n" {
		t.Errorf("%q", out.String())
	}
}

// A release that a rollback went back to is shown as running, although its number was
// withdrawn.
func TestReleaseRunsAgain(t *testing.T) {
	var out bytes.Buffer
	back := &release.RolledBack{From: 4, To: 3}
	table{&out, false}.releases(release.ReleaseList{
		Releases: []release.ReleaseStatus{{Number: 2, By: "pulumi"}, {Number: 5, By: "rollback", RolledBack: back}},
		Left:     []release.ReleaseStatus{{Number: 3, By: "pulumi"}, {Number: 4, By: "pulumi"}},
	})
	golden.Compare(t, "rolled-back.txt", out.String())
}

func TestTables(t *testing.T) {
	var plainText, coloured, list, changes bytes.Buffer
	table{&plainText, false}.status(aStatus())
	golden.Compare(t, "status.txt", plainText.String())
	left := release.ReleaseStatus{Number: 5, By: "pulumi", Changes: []string{"service api: replicas 1 -> 2", "service seq: new", "c", "d"}}
	table{&list, false}.releases(release.ReleaseList{Releases: aStatus().Releases, Left: []release.ReleaseStatus{left}, LastAttempt: aStatus().LastAttempt})
	golden.Compare(t, "releases.txt", list.String())
	if strings.Contains(plainText.String()+list.String(), "\x1b") {
		t.Error("there are control characters where nobody looks")
	}
	table{&coloured, true}.status(aStatus())
	stripped := coloured.String()
	for _, mark := range []string{good, bad, reset} {
		if !strings.Contains(stripped, mark) {
			t.Errorf("%q is not there on a terminal", mark)
		}
		stripped = strings.ReplaceAll(stripped, mark, "")
	}
	if strings.Contains(stripped, "\x1b") {
		t.Error("what others named reaches the terminal as it is")
	}
	table{&changes, false}.diff(release.Diff{})
	table{&changes, false}.diff(release.Diff{Changes: []release.Change{{Text: "service api: replicas 2 -> 4"}}, Images: []release.Problem{{Service: "aver_api", Reason: "image x: none"}}})
	golden.Compare(t, "diff.txt", changes.String())
}
