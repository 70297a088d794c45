package hosts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

func TestAStoppedNodeRunsNoCommand(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1", State: "exited", Labels: map[string]string{labelNode: "aver-manager"}}}
	_, err := r.Exec(t.Context(), "aver-manager", []string{"ls"}, nil, nil, nil)
	if !errors.Is(err, stoppedNode("aver-manager")) || len(fake.Changes) != 0 {
		t.Errorf("the error is %v, changes are %v", err, fake.Changes)
	}
}

func TestNodesAreNamedInOrder(t *testing.T) {
	r := room(t)
	node := func(name string) container.Summary {
		return container.Summary{ID: name, Labels: map[string]string{labelNode: name}}
	}
	withEngine(t, r).Answers["GET /containers/json"] = []container.Summary{node("b"), node("a")}
	if got, err := r.Nodes(t.Context()); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("they are %v (%v)", got, err)
	}
}

func TestABootThatIsInterruptedSaysSo(t *testing.T) {
	r, fake := readyToBoot(t)
	fake.Answers["GET /containers/c1/json"] = existing(nil, container.StateRunning)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	err := r.Boot(ctx, testVM)
	if !errors.Is(err, errInterrupted) || !strings.HasPrefix(err.Error(), "boot aver-manager: ") || strings.Contains(err.Error(), "sshd") {
		t.Errorf("the error is %v", err)
	}
	fake.MustChange(t, "DELETE /containers/c1")
}

// A new network counts even without containers, because its sandbox is just starting.
func TestOtherSandboxesOfTheEngine(t *testing.T) {
	r := room(t)
	of := func(name string) map[string]string { return map[string]string{labelSandbox: name} }
	now := time.Now()
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = []container.Summary{{Labels: of("x")}, {Labels: of("test")}, {Labels: of("x")}}
	fake.Answers["GET /networks"] = []network.Summary{
		{Labels: of("test"), Created: now}, {Labels: of("a"), Created: now}, {Labels: of("left"), Created: now.Add(-time.Hour)},
	}
	if got, err := r.others(t.Context()); err != nil || !slices.Equal(got, []string{"a", "x"}) {
		t.Errorf("they are %v (%v)", got, err)
	}
}
