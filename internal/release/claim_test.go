package release

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// holds adds a claim of another manager.
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

// After a change of leader, Swarm reports nodes as down that are not. A manager whose vote
// is heard keeps its claim and goes on deploying.
func TestClaimOfAManagerThatVotesIsKept(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		holds(t, m, "manager-2", nil)
		m.node(t, "manager-2").Status.State = swarm.NodeStateDown
		expect(t, deploys(newDeployer(t, m), specsOf(service("api", "run:1"))), Busy, 0, "busy")
	})
}

// TestOneOfManyTakesADeadClaimOver: all managers see the same dead run's claim, and only
// one takes it over.
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
					time.Sleep(2 * time.Millisecond) // gives the others time to come in
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

// TestRunWhoseClaimIsLostEnds and does not touch the other run's claim.
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

// A manager whose clock is ahead takes over a living run's claim. The run that lost it ends
// and leaves the stack to the other run.
func TestClockThatIsAhead(t *testing.T) {
	virtual(t, "ahead", func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		d, ahead := newDeployer(t, m), newDeployer(t, m)
		ahead.node, ahead.Host = "id-manager-2", "manager-2"
		ahead.Now = func() time.Time { return time.Now().Add(time.Hour) }
		d.Settings.Lease, ahead.Settings.Lease = 200*time.Millisecond, 2*time.Hour
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		slow := make(chan Result)
		go func() { slow <- deploys(d, specsOf(service("api", "slow:1", failure("continue")))) }()
		time.Sleep(20 * time.Millisecond)
		expect(t, deploys(ahead, specsOf(service("api", "run:2"))), Runs, 2)
		expect(t, <-slow, Failed, 0, "stopped")
		if runs := runningImages(m)["shop_api"]; runs != "run:2" || len(m.configs) != 2 {
			t.Errorf("runs %s, %d configs", runs, len(m.configs))
		}
	})
}
