package release

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// Two stacks do not block each other: a stack that does not come up, and is tried for a
// long time, does not keep others from being healed.
func TestAgentHealsAStackWhileAnotherDoesNotComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		expect(t, deploysAs(d, "store", specsOf(serviceOf("store", "db", "run:2"))), Runs, 1)
		d = newDeployer(t, m)
		d.Settings.Converge, d.Settings.Patience = time.Hour, time.Hour
		m.mutex.Lock()
		m.dropped = "run:1"
		m.mutex.Unlock()
		watches(t, d)
		for _, name := range []string{"shop_api", "store_db"} {
			byHand(m, name, env("LEVEL=debug"))
			eventually(t, name+" is put back", func() bool { return len(envOf(m, name)) == 0 })
		}
	})
}

// A drained node does not belong to a stack: one stack puts it back, not all at once.
func TestOneStackSeesToTheNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		for _, name := range []string{"a", "b"} {
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1"))), Runs, 1)
		}
		if err := d.Pause(t.Context(), "a", time.Hour, "for the test"); err != nil {
			t.Fatal(err)
		}
		m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityDrain
		a := newAgent(d)
		a.round(t.Context(), func() {})
		if one := <-a.done; one.stack != "b" || one.result.Outcome != Runs {
			t.Errorf("%s: %s", one.stack, one.result.Verdict)
		}
		if err := d.Resume(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		a = newAgent(d)
		m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityDrain
		a.round(t.Context(), func() {})
		if one := <-a.done; one.stack != "a" || a.stacks["b"].busy {
			t.Errorf("%s sees to the node, b as well: %t", one.stack, a.stacks["b"].busy)
		}
	})
}

// A deployment of one stack may have set a node aside. Meanwhile no other stack puts the
// node back.
func TestNodesAreLeftToADeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		for _, name := range []string{"a", "b"} {
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1"))), Runs, 1)
		}
		d.change(t.Context(), "a", 0, func(ctx context.Context, w *work) Result {
			m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityPause
			a := newAgent(d)
			a.round(ctx, func() {})
			if a.healing("a").busy || a.healing("b").busy {
				t.Error("the agent sees to the node")
			}
			if got := d.Reconcile(ctx, "b"); got.Outcome != Runs || m.node(t, "worker").Spec.Availability != swarm.NodeAvailabilityPause {
				t.Errorf("the node is taken from the deployment: %s", got.Verdict)
			}
			return Result{Outcome: Runs}
		})
		if got := d.Reconcile(t.Context(), "b"); got.Outcome != Runs || m.node(t, "worker").Spec.Availability != swarm.NodeAvailabilityActive {
			t.Errorf("the node is not put back afterwards: %s", got.Verdict)
		}
	})
}

// A round asks Docker as often for a hundred stacks as for one, and reads only
// releases that it does not know.
func TestRoundAsksOnceForAllStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, calls := newMemory("manager"), 0
		d := newDeployer(t, m)
		for i := range 20 {
			name := fmt.Sprintf("stack%d", i)
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1"))), Runs, 1)
		}
		a := newAgent(d)
		a.round(t.Context(), func() {})
		read := maps.Clone(a.read)
		m.before = func(string) error { calls++; return nil }
		a.round(t.Context(), func() {})
		if calls != 9 { // the nodes twice, the configs three times, services, tasks, networks, secrets
			t.Errorf("%d calls", calls)
		}
		if len(read) != 20 || !maps.Equal(read, a.read) {
			t.Errorf("%d releases were read, then others", len(read))
		}
	})
}

// BenchmarkRound is a minute's work of the agent: a hundred services compared with
// their release.
func BenchmarkRound(b *testing.B) {
	m := newMemory("manager", "worker")
	d := NewDeployer(m, Reader{Settings: quick(), Host: "manager", Alive: func(string) bool { return true }})
	d.node, d.run = m.me, "bench"
	var all []swarm.ServiceSpec
	for i := range 100 {
		all = append(all, service(fmt.Sprintf("api%d", i), "run:1", failure("rollback"), restart("any"), env("LEVEL=info")))
	}
	if result := deploys(d, specsOf(all...)); result.Outcome != Runs {
		b.Fatal(result.Verdict)
	}
	a := newAgent(d)
	for b.Loop() {
		a.round(context.Background(), func() {})
	}
}
