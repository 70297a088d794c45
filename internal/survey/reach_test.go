package survey

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// A node on which the login failed when the run began is asked again, for a limited time,
// before something is done on it; other nodes are not asked again.
func TestDiallingANodeThatRefusesLoginsIsBounded(t *testing.T) {
	f := newField(t, 3, 2)
	f.status["manager-1"] = inSync
	f.dead["manager-2"], f.dead["worker-1"] = true, true
	f.cluster.patience, f.cluster.comeback = 10*time.Second, 3*time.Second
	said := f.cluster.Look(t.Context(), "aver", []string{"aver"}, func([]string) {})
	slices.Sort(said.Closed)
	if !slices.Equal(said.Closed, []string{"manager-2", "worker-1"}) {
		t.Fatalf("closed: %v", said.Closed)
	}
	to := func(name string) []Stop {
		at := slices.IndexFunc(f.cluster.Nodes, func(n Node) bool { return n.Name == name })
		if at < 0 {
			return []Stop{{Node: name, Address: "?", HostKey: "?"}}
		}
		n := f.cluster.Nodes[at]
		stop := Stop{Node: name, Address: n.PublicAddress, HostKey: strings.TrimSpace(n.HostKey)}
		if n.Role != Manager {
			stop.Address = n.PrivateAddress
		}
		return []Stop{stop}
	}
	for _, node := range []string{"manager-1", "manager-3", "worker-2", "unknown"} {
		if err := f.cluster.Reach(t.Context(), said.Closed, to(node)); err != nil {
			t.Errorf("%s: %v", node, err)
		}
	}
	for _, node := range said.Closed {
		began := time.Now()
		var closed *noLogin
		if err := f.cluster.Reach(t.Context(), said.Closed, to(node)); !errors.As(err, &closed) || closed.node != node {
			t.Errorf("%s: %v", node, err)
		}
		if took := time.Since(began); took < f.cluster.comeback || took > 3*f.cluster.comeback {
			t.Errorf("%s: given up after %s", node, took)
		}
	}
	f.dead["worker-1"] = false
	if err := f.cluster.Reach(t.Context(), said.Closed, to("worker-1")); err != nil {
		t.Errorf("a node that is back: %v", err)
	}
	// A node with another address or another host key is another node: the run itself may
	// have created it.
	for _, other := range []Stop{{Node: "manager-2", Address: "203.0.113.99", HostKey: to("manager-2")[0].HostKey}, {Node: "manager-2", Address: to("manager-2")[0].Address, HostKey: "another"}} {
		if err := f.cluster.Reach(t.Context(), said.Closed, append([]Stop{other}, to("manager-2")...)); err != nil {
			t.Errorf("%v: %v", other, err)
		}
	}
}

// If the login fails on all managers, the workers behind them count as closed too.
func TestWorkersBehindManagersThatRefuseLoginsAreClosed(t *testing.T) {
	f := newField(t, 1, 1)
	f.dead["manager-1"] = true
	said := f.cluster.Look(t.Context(), "aver", []string{"aver"}, func([]string) {})
	slices.Sort(said.Closed)
	if !slices.Equal(said.Closed, []string{"manager-1", "worker-1"}) {
		t.Errorf("closed: %v", said.Closed)
	}
}
