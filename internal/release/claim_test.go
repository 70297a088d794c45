package release

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// holds puts a claim of another manager's there.
func holds(t *testing.T, m *memory, of string, change func(map[string]string)) {
	t.Helper()
	other := newDeployer(t, m)
	other.node, other.Host = "id-"+of, of
	labels := other.claimLabels()
	if change != nil {
		change(labels)
	}
	if _, err := m.ConfigCreate(t.Context(), swarm.ConfigSpec{Annotations: swarm.Annotations{Name: claimName(stack), Labels: labels}}); err != nil {
		t.Fatal(err)
	}
}

func TestClaimOfTheLivingIsWaitedForAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		holds(t, m, "manager-2", nil)
		d := newDeployer(t, m)
		result := deploys(d, specsOf(service("api", "run:1")))
		expect(t, result, Busy, 0, "busy")
		if result.Seconds < d.Settings.Queue.Seconds() || result.Seconds > 1.1*d.Settings.Queue.Seconds() {
			t.Errorf("waited for %v s, the bound is %v", result.Seconds, d.Settings.Queue)
		}
		if h := result.Holder; h == nil || h.Stack != stack || h.Host != "manager-2" || result.Stack != stack {
			t.Errorf("%s waited for %+v", result.Stack, h)
		}
		holders, err := d.Holders(context.Background())
		if err != nil || len(holders) != 1 || holders[0].Host != "manager-2" || holders[0].Stack != stack {
			t.Errorf("holders %v %v", holders, err)
		}
		if len(m.services) > 0 {
			t.Error("something was deployed")
		}
	})
}

func TestClaimOfTheDeadIsTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		of      string
		labels  func(map[string]string)
		prepare func(*testing.T, *memory, *Deployer)
	}{
		"its node is down": {"manager-2", nil, func(t *testing.T, m *memory, _ *Deployer) {
			node := m.node(t, "manager-2")
			node.Status.State, node.ManagerStatus.Reachability = swarm.NodeStateDown, swarm.ReachabilityUnreachable
		}},
		"its node is gone":          {"manager-9", nil, nil},
		"its lease is over":         {"manager-2", func(l map[string]string) { l[labelUntil] = "1000" }, nil},
		"its lease is not a number": {"manager-2", func(l map[string]string) { l[labelUntil] = "" }, nil},
		"its process is gone": {"manager-1", nil, func(_ *testing.T, _ *memory, d *Deployer) {
			d.Alive = func(string) bool { return false }
		}},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager-1", "manager-2")
			holds(t, m, c.of, c.labels)
			d := newDeployer(t, m)
			if c.prepare != nil {
				c.prepare(t, m, d)
			}
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		})
	}
}

// After a change of leader Swarm calls nodes down that are not: a manager whose vote is
// heard goes on deploying.
func TestClaimOfAManagerThatVotesIsKept(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		holds(t, m, "manager-2", nil)
		m.node(t, "manager-2").Status.State = swarm.NodeStateDown
		expect(t, deploys(newDeployer(t, m), specsOf(service("api", "run:1"))), Busy, 0, "busy")
	})
}

// TestOneOfManyTakesADeadClaimOver: each of the managers sees the same dead claim.
func TestOneOfManyTakesADeadClaimOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		holds(t, m, "manager-2", func(l map[string]string) { l[labelUntil] = "1000" })
		var inside, most atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			d := newDeployer(t, m)
			group.Go(func() {
				d.change(t.Context(), stack, time.Minute, func(context.Context, *work) Result {
					if now := inside.Add(1); now > most.Load() {
						most.Store(now)
					}
					time.Sleep(2 * time.Millisecond) // the others have time to come in
					inside.Add(-1)
					return Result{Outcome: Runs}
				})
			})
		}
		group.Wait()
		if most.Load() != 1 {
			t.Errorf("%d deployed at the same time", most.Load())
		}
	})
}

func TestTwoStacksDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		result := d.change(t.Context(), "other", 0, func(ctx context.Context, _ *work) Result {
			return deploys(newDeployer(t, m), specsOf(service("api", "run:1")))
		})
		expect(t, result, Runs, 1)
	})
}

// TestRunWhoseClaimIsLostEnds and leaves the other run's claim alone.
func TestRunWhoseClaimIsLostEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		d := newDeployer(t, m)
		d.Settings.Lease = 40 * time.Millisecond
		result := d.change(t.Context(), stack, 0, func(ctx context.Context, w *work) Result {
			m.mutex.Lock()
			m.configs[0].Spec.Labels = map[string]string{labelRun: "another", labelHolder: "id-manager-2", labelUntil: "99999999999"}
			m.mutex.Unlock()
			<-ctx.Done()
			return w.lost(context.Cause(ctx))
		})
		expect(t, result, Failed, 0, "stopped")
		if len(m.configs) != 1 || m.configs[0].Spec.Labels[labelRun] != "another" {
			t.Error("the successor's claim was touched")
		}
	})
}

func TestLeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		d := newDeployer(t, m)
		d.Settings.Lease = 3 * time.Second
		began := time.Now()
		d.Now = func() time.Time { return began.Add(20 * time.Duration(time.Since(began))) }
		d.Settings.Lease = 100 * time.Millisecond
		d.change(t.Context(), stack, 0, func(ctx context.Context, _ *work) Result {
			first := m.configs[0].Version
			for m.version(0) == first && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			if ctx.Err() != nil {
				t.Error("the claim was lost")
			}
			return Result{Outcome: Runs}
		})
		if len(m.configs) != 0 {
			t.Error("the claim is still there")
		}
	})
}

// A run that died on a manager that does not lead is given up by that manager's own
// agent, which alone can tell, long before its lease is over.
func TestAgentYieldsWhatDiedOnItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		expect(t, deploys(newDeployer(t, m), specsOf(service("api", "run:1"))), Runs, 1)
		died := newDeployer(t, m)
		died.node, died.Host, died.Settings.Lease = "id-manager-2", "manager-2", time.Hour
		if c, _, err := died.tryClaim(t.Context(), stack); c == nil || err != nil {
			t.Fatalf("no claim: %v", err)
		}
		leader := newDeployer(t, m)
		leader.Settings.Queue = 2 * yieldPause
		expect(t, deploys(leader, specsOf(service("api", "run:2"))), Busy, 0, "busy")
		other := newDeployer(t, m)
		other.node, other.Host = died.node, died.Host
		other.Alive = func(run string) bool { return run != died.run }
		watches(t, other)
		time.Sleep(3 * yieldPause)
		expect(t, leader.Reconcile(t.Context(), stack), Runs, 1)
		if last := lastOf(t, leader); last == nil || last.Outcome != PutBack || last.Host != "manager-2" {
			t.Errorf("the trace is %+v", last)
		}
	})
}

// What lives is not given up, nor what is another host's, nor what somebody took over
// at that moment.
func TestOnlyWhatDiedIsYielded(t *testing.T) {
	for name, c := range map[string]struct {
		of    string
		alive bool
		quick bool
	}{
		"it lives":               {of: "manager-1", alive: true},
		"it is another host's":   {of: "manager-2"},
		"it has just been taken": {of: "manager-1", quick: true},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager-1", "manager-2")
			holds(t, m, c.of, nil)
			m.before = func(method string) error {
				if method == "ConfigUpdate" && c.quick {
					m.configs[0].Version = m.next()
				}
				return nil
			}
			d := newDeployer(t, m)
			d.Alive = func(string) bool { return c.alive }
			until := m.configs[0].Spec.Labels[labelUntil]
			if err := d.yield(t.Context()); err != nil || m.configs[0].Spec.Labels[labelUntil] != until {
				t.Errorf("%v: the lease ends at %s, before at %s", err, m.configs[0].Spec.Labels[labelUntil], until)
			}
		})
	}
}

func (m *memory) version(config int) swarm.Version {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.configs[config].Version
}

func TestThisProcessIsAliveAndANumberAloneIsNot(t *testing.T) {
	d := &Reader{}
	if !d.alive(thisRun()) {
		t.Error("this process is taken for dead")
	}
	for _, run := range []string{"", "1", "1-", "1-7-some-boot", "x"} {
		if d.alive(run) {
			t.Errorf("%q is taken for alive", run)
		}
	}
}

func TestNobodyDeploysWhileSomethingRunsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		err := newDeployer(t, m).Alone(t.Context(), 0, func(context.Context) error {
			expect(t, deploys(d, specsOf(service("api", "run:2"))), Busy, 0, "busy")
			expect(t, deploysAs(d, "another", specsOf(serviceOf("another", "api", "run:1"))), Busy, 0, "busy")
			return nil
		})
		if err != nil || len(m.services) != 1 || m.updates["shop_api"] != 0 {
			t.Fatalf("%v; %d updates", err, m.updates["shop_api"])
		}
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
	})
}

// Docker is away while it restarts, and nobody can renew a claim: the restart goes on.
func TestALostClaimDoesNotEndWhatRunsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		err := d.Alone(t.Context(), 0, func(ctx context.Context) error {
			m.outage(errors.New("connection refused"))
			time.Sleep(2 * d.Settings.Lease)
			m.outage(nil)
			return ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// What a run left that died is no less half for that: the agent still has to finish it.
func TestWhatRunsAloneLeavesWhatDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		holds(t, m, "manager-2", func(labels map[string]string) { labels[labelUntil] = "1" })
		if err := newDeployer(t, m).Alone(t.Context(), 0, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if left, err := d.leftBehind(t.Context(), stack); err != nil || !left {
			t.Errorf("nobody knows that a run died: %v, %v", left, err)
		}
		// Nor does anybody else who takes it and gives it back.
		err := newDeployer(t, m).Alone(t.Context(), 0, func(ctx context.Context) error {
			other := newDeployer(t, m)
			other.node, other.Host, other.run = "id-manager-2", "manager-2", "2-2"
			expect(t, deploys(other, specsOf(service("api", "run:1"))), Busy, 0, "busy")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
		if last := lastOf(t, d); last == nil || last.Outcome != PutBack || last.Host != "manager-2" {
			t.Errorf("the trace is %+v", last)
		}
	})
}

func TestWhatRunsAloneWaitsForADeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		holds(t, m, "manager-2", nil)
		err := newDeployer(t, m).Alone(t.Context(), 10*time.Millisecond, func(context.Context) error {
			t.Error("it ran beside a deployment")
			return nil
		})
		if !IsBusy(err) {
			t.Errorf("error %v, want busy", err)
		}
	})
}
