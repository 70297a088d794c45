package survey

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// A manager that has another address or host key in this run is asked at that address.
func TestRunUsesTheAddressesOfThisRun(t *testing.T) {
	for _, about := range []string{"manager-1", "worker-1"} {
		f := newField(t, 1, 1)
		before := f.cluster
		before.Nodes = slices.Clone(before.Nodes)
		f.cluster.Nodes[0].PublicAddress = "203.0.113.99"
		f.hosts["manager-1"], _ = newKey(t)
		a := Answered(before, nil, Answer{})
		if err := a.Run(t.Context(), about, "member leave", ""); err == nil {
			t.Error("the former address still answers, so nothing is tried here")
		}
		route := []Stop{
			{Node: "manager-1", Address: "203.0.113.99", HostKey: string(ssh.MarshalAuthorizedKey(f.hosts["manager-1"].PublicKey()))},
			{Node: "worker-1", Address: "10.0.0.2", HostKey: "?"},
		}
		if err := a.Reach(t.Context(), route); err != nil {
			t.Fatal(err)
		}
		if err := a.Run(t.Context(), about, "member leave", ""); err != nil || <-f.ran != "manager-1: member leave: " {
			t.Errorf("about %s, at another address: %v", about, err)
		}
	}
}

// Reach waits for the answers, and then for the node that refused the login.
func TestReachWaitsForTheAnswers(t *testing.T) {
	f := newField(t, 2, 0)
	f.dead["manager-2"], f.status["manager-1"] = true, inSync
	f.cluster.comeback = time.Millisecond
	told, answered := make(chan Answer, 1), make(chan struct{})
	a := Ask(t.Context(), f.cluster, "aver", []string{"aver"}, func(answer Answer) {
		told <- answer
		<-answered
	})
	if silent := a.Silent(); !slices.Equal(silent, []string{"manager-2"}) {
		t.Errorf("silent: %v", silent)
	}
	reached := make(chan error, 1)
	go func() {
		n := f.cluster.Nodes[1]
		reached <- a.Reach(t.Context(), []Stop{{Node: n.Name, Address: n.PublicAddress, HostKey: strings.TrimSpace(n.HostKey)}})
	}()
	if answer := <-told; !slices.Equal(answer.Closed, []string{"manager-2"}) {
		t.Errorf("closed: %v", answer.Closed)
	}
	select {
	case err := <-reached:
		t.Errorf("nobody has the answers yet, and Reach ended: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(answered)
	var closed *noLogin
	if err := <-reached; !errors.As(err, &closed) || closed.node != "manager-2" {
		t.Errorf("a node that refuses logins: %v", err)
	}
}

// Managers that did not answer are not asked for a diff.
func TestSilentManagersAreNotAskedForADiff(t *testing.T) {
	f := newField(t, 1, 0)
	a := Answered(f.cluster, []string{"manager-1"}, Answer{Status: map[string]release.Status{"aver": {}}})
	if _, err := a.Diff(t.Context(), "aver", nil); !errors.Is(err, ErrNobody) {
		t.Errorf("all are silent: %v", err)
	}
}
