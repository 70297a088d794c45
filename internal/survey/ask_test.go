package survey

import (
	"errors"
	"testing"

	"averazure/internal/release"
)

// If stackctl could not tell the status, that is an error and not a Swarm without nodes.
func TestStatusThatIsUnknown(t *testing.T) {
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

// TestDiffIsAskedOfAManagerThatAnswers also expects the request on standard input, and not
// among the words of the command.
func TestDiffIsAskedOfAManagerThatAnswers(t *testing.T) {
	f := newField(t, 3, 0)
	f.dead["manager-1"], f.frozen["manager-2"] = true, true
	diff, err := f.cluster.Diff(t.Context(), nil, "aver", []byte("REQUEST"))
	if want := "manager-3 sudo -n stackctl diff --json aver REQUEST"; err != nil || len(diff.Changes) != 1 || diff.Changes[0].Text != want {
		t.Errorf("%+v (%v)", diff, err)
	}
	f.dead["manager-3"] = true
	if _, err := f.cluster.Diff(t.Context(), []string{"manager-2"}, "aver", nil); err == nil {
		t.Error("nobody answers, and it says something")
	}
	if _, err := f.cluster.Diff(t.Context(), []string{"manager-1", "manager-2", "manager-3"}, "aver", nil); !errors.Is(err, ErrNobody) {
		t.Errorf("all are silent: %v", err)
	}
}
