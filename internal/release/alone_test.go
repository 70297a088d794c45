package release

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestNobodyDeploysDuringAnExclusiveRun(t *testing.T) {
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

// While Docker restarts, nobody can renew a claim. The restart continues all the same.
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

// After Alone, a dead run's leftovers still count as unfinished: the agent still has to
// finish them.
func TestExclusiveRunsLeaveDeadDeployments(t *testing.T) {
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
		// Another run that takes the claim and gives it back leaves them unfinished, too.
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

func TestExclusiveRunsWaitForADeployment(t *testing.T) {
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
