package drift

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// inSync is what stackctl says of three managers and two workers that are well.
const inSync = `{"stack":"aver","nodes":[{"name":"manager-1"},{"name":"manager-2"},{"name":"manager-3"},{"name":"worker-1"},{"name":"worker-2"}]}`

func (f *field) look() (texts, problems []string) {
	said := look(f.t.Context(), f.state, "aver", []string{"aver"}, func(silent []string) { f.silent = silent })
	f.bound = said.status["aver"].Bound
	for _, difference := range said.found {
		texts = append(texts, difference.text)
	}
	return texts, said.problems
}

// TestManagersAreAskedWhereTheyTakeSSH: no rule lets a manager reach another one's
// sshd, only a worker's.
func TestManagersAreAskedWhereTheyTakeSSH(t *testing.T) {
	f := newField(t, 3, 2)
	f.status["manager-1"] = inSync
	if texts, problems := f.look(); len(texts) > 0 || len(problems) > 0 {
		t.Errorf("found %q, problems %q", texts, problems)
	}
}

// TestAnotherManagerIsAsked where the first one is dead, and where it was just rebuilt.
func TestAnotherManagerIsAsked(t *testing.T) {
	const down = `{"stack":"aver","differences":[{"code":"node-down","kind":"node","name":"manager-1","text":"node manager-1: down"}],` +
		`"nodes":[{"name":"manager-1"},{"name":"manager-2"},{"name":"manager-3"},{"name":"worker-1"},{"name":"worker-2"}]}`
	f := newField(t, 3, 2)
	f.dead["manager-1"], f.status["manager-3"] = true, down
	for door, more := range map[string]int{"manager-1": 1, "manager-2": 0} {
		f.state.door = door
		texts, problems := f.look()
		if !slices.Equal(texts, []string{"node manager-1: down"}) || len(problems) != 1+more || !strings.HasPrefix(problems[more], "manager-1 (203.0.113.1) ") ||
			more == 1 && !(strings.Contains(problems[0], " averazure:door ") && strings.Contains(problems[0], " manager-2 ")) {
			t.Errorf("door %s: found %q, problems %q", door, texts, problems)
		}
	}
	if !slices.Equal(f.silent, []string{"manager-1"}) {
		t.Errorf("silent: %v", f.silent)
	}
	f = newField(t, 3, 2)
	f.status["manager-2"] = inSync
	if texts, problems := f.look(); len(texts) > 0 || len(problems) > 0 {
		t.Errorf("found %q, problems %q", texts, problems)
	}
}

// TestNobodyToAsk says of every manager why, and of no worker.
func TestNobodyToAsk(t *testing.T) {
	f := newField(t, 3, 1)
	f.dead = map[string]bool{"manager-1": true, "manager-2": true, "manager-3": true}
	if texts, problems := f.look(); len(texts) > 0 || len(problems) != 3 || len(f.silent) > 0 {
		t.Errorf("found %q, problems %q, silent %v", texts, problems, f.silent)
	}
}

// TestAManagerThatHangsIsNotWaitedFor: it lets in, and then says nothing. A second one
// answers within what one may take.
func TestAManagerThatHangsIsNotWaitedFor(t *testing.T) {
	f := newField(t, 3, 1)
	f.frozen["manager-1"], f.status["manager-2"] = true, strings.Replace(inSync, `,{"name":"worker-2"}`, "", 1)
	began := time.Now()
	if texts, problems := f.look(); len(texts) > 0 || len(problems) > 0 || len(f.silent) > 0 {
		t.Errorf("found %q, problems %q, silent %v", texts, problems, f.silent)
	}
	if took := time.Since(began); took < f.state.patience || took > 2*f.state.patience {
		t.Errorf("it took %s, with %s for each", took, f.state.patience)
	}
}

// TestManagersThatHangEndWithTheLimit: the last one that can be asked has all the time that
// is left, and no more.
func TestManagersThatHangEndWithTheLimit(t *testing.T) {
	f := newField(t, 2, 0)
	f.state.limit = 3 * time.Second
	f.frozen["manager-1"], f.frozen["manager-2"] = true, true
	began := time.Now()
	if texts, problems := f.look(); len(texts) > 0 || len(problems) == 0 {
		t.Errorf("found %q, problems %q", texts, problems)
	}
	if took := time.Since(began); took < f.state.limit || took > 3*f.state.limit {
		t.Errorf("it took %s, with a limit of %s", took, f.state.limit)
	}
	if limit != 15*time.Second {
		t.Errorf("a run waits %s for the nodes; docs say 15 s", limit)
	}
}

// What is wrong with backups is a warning, and makes no update.
func TestBackupsThatFailAreSaid(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	status := release.Status{Backups: []release.BackupStatus{
		{Host: "aver-manager", Whole: now.Add(-10 * time.Hour)},
		{Host: "aver-manager-2", Whole: now.Add(-60 * time.Hour)},
		{Host: "aver-manager-3", Whole: now.Add(-10 * time.Hour), Problem: "no right"},
	}}
	found := backups(status, now)
	if len(found) != 2 || found[0].resource+found[1].resource != "" || !strings.Contains(found[0].text, " aver-manager-2: ") || !strings.Contains(found[0].text, " 2026-02-27 00:00 UTC") || !strings.Contains(found[1].text, " aver-manager-3: no right") {
		t.Errorf("%+v", found)
	}
}

// TestDiffIsAskedOfAManagerThatAnswers: with the request, never a command's words.
func TestDiffIsAskedOfAManagerThatAnswers(t *testing.T) {
	f := newField(t, 3, 0)
	f.dead["manager-1"], f.frozen["manager-2"] = true, true
	m := Fixed(nil)
	m.before, m.asked.status = f.state, map[string]release.Status{"aver": {}}
	m.diff = m.askDiff
	diff, err := m.Diff(t.Context(), "aver", []byte("REQUEST"))
	if want := "manager-3 sudo -n stackctl diff --json aver REQUEST"; err != nil || len(diff.Changes) != 1 || diff.Changes[0].Text != want {
		t.Errorf("%+v (%v)", diff, err)
	}
	if _, err := m.Diff(t.Context(), "other", nil); !errors.Is(err, ErrNobody) {
		t.Errorf("a stack of which nobody said anything: %v", err)
	}
	silent := newField(t, 3, 0)
	silent.dead["manager-1"], silent.dead["manager-2"], silent.dead["manager-3"] = true, true, true
	m.before = silent.state
	if _, err := m.Diff(t.Context(), "aver", nil); err == nil {
		t.Error("nobody answers, and it says something")
	}
}
