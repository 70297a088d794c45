package survey

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// inSync is the status that stackctl reports for three managers and two workers without any
// drift.
const inSync = `{"stack":"aver","nodes":[{"name":"manager-1"},{"name":"manager-2"},{"name":"manager-3"},{"name":"worker-1"},{"name":"worker-2"}]}`

func (f *field) look() (texts, problems []string) {
	said := f.cluster.Look(f.t.Context(), "aver", []string{"aver"}, func(silent []string) { f.silent = silent })
	f.bound = said.Status["aver"].Bound
	for _, difference := range said.Found {
		texts = append(texts, difference.Text)
	}
	return texts, said.Problems
}

// TestManagersAreAskedWhereTheyTakeSSH expects every manager to be asked at its public
// address: no rule lets a manager reach another manager's sshd, only a worker's.
func TestManagersAreAskedWhereTheyTakeSSH(t *testing.T) {
	f := newField(t, 3, 2)
	f.status["manager-1"] = inSync
	if texts, problems := f.look(); len(texts) > 0 || len(problems) > 0 {
		t.Errorf("found %q, problems %q", texts, problems)
	}
}

// TestAnotherManagerIsAsked expects another manager to be asked if the first one is dead,
// and if it was just rebuilt.
func TestAnotherManagerIsAsked(t *testing.T) {
	const down = `{"stack":"aver","differences":[{"code":"node-down","kind":"node","name":"manager-1","text":"node manager-1: down"}],` +
		`"nodes":[{"name":"manager-1"},{"name":"manager-2"},{"name":"manager-3"},{"name":"worker-1"},{"name":"worker-2"}]}`
	f := newField(t, 3, 2)
	f.dead["manager-1"], f.status["manager-3"] = true, down
	for door, more := range map[string]int{"manager-1": 1, "manager-2": 0} {
		f.cluster.Door = door
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

// TestNoManagerAnswers expects the reason for every manager, and none for a worker.
func TestNoManagerAnswers(t *testing.T) {
	f := newField(t, 3, 1)
	f.dead = map[string]bool{"manager-1": true, "manager-2": true, "manager-3": true}
	if texts, problems := f.look(); len(texts) > 0 || len(problems) != 3 || len(f.silent) > 0 {
		t.Errorf("found %q, problems %q, silent %v", texts, problems, f.silent)
	}
}

// TestAManagerThatHangsIsNotWaitedFor has a manager that accepts the login and then does
// not answer. A second one answers within the time that one manager may take.
func TestAManagerThatHangsIsNotWaitedFor(t *testing.T) {
	f := newField(t, 3, 1)
	f.frozen["manager-1"], f.status["manager-2"] = true, strings.Replace(inSync, `,{"name":"worker-2"}`, "", 1)
	began := time.Now()
	if texts, problems := f.look(); len(texts) > 0 || len(problems) > 0 || len(f.silent) > 0 {
		t.Errorf("found %q, problems %q, silent %v", texts, problems, f.silent)
	}
	if took := time.Since(began); took < f.cluster.patience || took > 2*f.cluster.patience {
		t.Errorf("it took %s, with %s for each", took, f.cluster.patience)
	}
}

// TestManagersThatHangEndWithTheLimit expects that the last manager that can be asked may
// use all the time that is left, and no more.
func TestManagersThatHangEndWithTheLimit(t *testing.T) {
	f := newField(t, 2, 0)
	f.cluster.limit = 3 * time.Second
	f.frozen["manager-1"], f.frozen["manager-2"] = true, true
	began := time.Now()
	if texts, problems := f.look(); len(texts) > 0 || len(problems) == 0 {
		t.Errorf("found %q, problems %q", texts, problems)
	}
	if took := time.Since(began); took < f.cluster.limit || took > 3*f.cluster.limit {
		t.Errorf("it took %s, with a limit of %s", took, f.cluster.limit)
	}
	if limit != 15*time.Second {
		t.Errorf("a run waits %s for the nodes; docs say 15 s", limit)
	}
}

// Look returns the bound services that a manager reports. An old stackctl that reports none
// is told apart from one that knows that there are none.
func TestBoundServicesAreAsked(t *testing.T) {
	for status, want := range map[string]int{
		inSync: -1,
		strings.TrimSuffix(inSync, "}") + `,"bound":[]}`:                                                            0,
		strings.TrimSuffix(inSync, "}") + `,"bound":[{"name":"aver_db","nodes":["worker-2"],"data":["volume x"]}]}`: 1,
	} {
		f := newField(t, 3, 2)
		f.status["manager-1"] = status
		f.look()
		got := len(f.bound)
		if f.bound == nil {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %+v", status, f.bound)
		}
	}
}
