package release

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/golden"
)

// lastOf is the record of the last failed deployment, as both status and releases show it.
func lastOf(t *testing.T, d *Deployer) *Attempt {
	t.Helper()
	status, err := d.Status(t.Context(), stack)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Releases(t.Context(), stack)
	if err != nil || !sameJSON(list.LastAttempt, status.LastAttempt) {
		t.Fatalf("releases says %+v (%v), status %+v", list.LastAttempt, err, status.LastAttempt)
	}
	return status.LastAttempt
}

// TestARedDeploymentLeavesATrace that lasts until another deployment comes up: status may
// only be asked the next morning.
func TestARedDeploymentLeavesATrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "crash:1"))), Failed, 0, "task-failed")
		deploy := func(image string) Result {
			return d.Deploy(t.Context(), stack, Order{File: fileOf(t, image), From: FromStackRepo, By: ByStackRepo, Revision: "0abcdef", Actor: "ada"})
		}
		expect(t, deploy("crash:2"), Failed, 0, "task-failed")
		if last := lastOf(t, d); last == nil || last.Outcome != Failed {
			t.Errorf("after a first one that failed: %+v", last)
		}
		expect(t, deploy("run:1"), Runs, 1)
		if last := lastOf(t, d); last != nil {
			t.Errorf("after one that came up: %+v", last)
		}
		expect(t, deploy("crash:3"), PutBack, 1, "task-failed")
		last := lastOf(t, d)
		if last == nil || last.Outcome != PutBack || last.By != ByStackRepo || last.Revision != "0abcdef" || last.Actor != "ada" ||
			!slices.Equal(last.Codes, []string{"task-failed"}) || time.Since(last.Time) > time.Hour {
			t.Errorf("after one that was put back: %+v", last)
		}
		if refused := d.Rollback(t.Context(), stack, 7); refused.Outcome != Refused || lastOf(t, d) == nil {
			t.Errorf("after one that touched nothing: %+v, %+v", refused, lastOf(t, d))
		}
		if d.Remove(t.Context(), stack).Outcome != Runs || slices.ContainsFunc(m.configs, func(c swarm.Config) bool { return c.Spec.Labels[labelAttempt] != "" }) {
			t.Error("the trace outlives the stack")
		}
	})
}

// TestReleasesAreDistinguished by what each one changed. The releases that a rollback left are
// still listed while the rollback is in force.
func TestReleasesAreDistinguished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		three := specsOf(service("api", "run:1", env("A=b")), service("web", "run:1"))
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		expect(t, deploys(d, specsOf(service("api", "run:1", env("A=b")))), Runs, 2)
		expect(t, deploys(d, three), Runs, 3)
		changes := func(list []ReleaseStatus) (text []string) {
			for _, one := range list {
				text = append(text, strings.Join(one.Changes, "; "))
			}
			return text
		}
		list, err := d.Releases(t.Context(), stack)
		changed := changes(list.Releases)
		if err != nil || list.Left != nil {
			t.Errorf("%v, left %+v", err, list.Left)
		}
		golden.Compare(t, "told-apart.txt", strings.Join(changed, "\n")+"\n")
		numbers := func(list []ReleaseStatus) (all []int) {
			for _, one := range list {
				all = append(all, one.Number)
			}
			return all
		}
		expect(t, d.Rollback(t.Context(), stack, 2), Runs, 4)
		expect(t, d.Rollback(t.Context(), stack, 3), Refused, 0, "no-release")
		list, err = d.Releases(t.Context(), stack)
		if err != nil || !slices.Equal(numbers(list.Releases), []int{1, 4}) || !slices.Equal(numbers(list.Left), []int{2, 3}) || changes(list.Left)[1] != changed[2] {
			t.Errorf("after a rollback: %+v (%v)", list, err)
		}
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 5)
		list, err = d.Releases(t.Context(), stack)
		if err != nil || !slices.Equal(numbers(list.Releases), []int{5}) || !slices.Equal(numbers(list.Left), []int{1, 2, 3, 4}) {
			t.Errorf("after another one: %+v (%v)", list, err)
		}
		expect(t, deploys(d, three), Runs, 6)
		if list, err = d.Releases(t.Context(), stack); err != nil || list.Left != nil {
			t.Errorf("after going forward: %+v (%v)", list.Left, err)
		}
	})
}

// TestAMissingStackIsReported: status reports an unknown stack, with the names of the
// stacks that exist.
func TestAMissingStackIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		if result := d.Trust(t.Context(), "announced", Order{File: fileOf(t, "run:1")}); result.Outcome != Runs {
			t.Fatal(result)
		}
		if result := deploysAs(d, "failed", specsOf(serviceOf("failed", "api", "crash:1"))); result.Outcome != Failed {
			t.Fatal(result)
		}
		for name, is := range map[string]bool{stack: true, "announced": true, "failed": true, "shpo": false} {
			status, err := d.Status(t.Context(), name)
			if err != nil || (status.Err() == nil) != is || len(status.Nodes) != 1 {
				t.Errorf("%s: status %v, %v", name, status.Err(), err)
			}
			_, listErr := d.Releases(t.Context(), name)
			for _, err := range []error{listErr, d.Pause(t.Context(), name, time.Hour, "why")} {
				if (err == nil) != is || err != nil && (CodeOf(err) != CodeUnknownStack || !strings.Contains(err.Error(), "announced, shop")) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}

// Some run still has to finish a dead run's leftovers, and to leave a record of that run,
// until the run that took over has finished them or has left a record of its own.
func TestTheTraceOfWhatDiedOutlivesWhoTookOver(t *testing.T) {
	stopped := func(at string) func(*memory, *Deployer) Result {
		return func(m *memory, d *Deployer) Result {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			m.before = func(method string) error {
				if method == at && slices.ContainsFunc(m.configs, func(c swarm.Config) bool { return c.Spec.Labels[labelRun] == d.run }) {
					cancel()
				}
				return nil
			}
			return d.Reconcile(ctx, stack)
		}
	}
	deploy := func(image string) func(*memory, *Deployer) Result {
		return func(_ *memory, d *Deployer) Result {
			return d.Deploy(context.Background(), stack, Order{File: fileOf(t, image), From: FromPulumi, By: ByPerson})
		}
	}
	for name, c := range map[string]struct {
		takesOver func(*memory, *Deployer) Result
		outcome   Outcome
		by        string // who asked, as in the record
	}{
		"healing, stopped half-way":          {stopped("ServiceUpdate"), Failed, ""},
		"healing, stopped while it compares": {stopped("ServiceList"), Failed, ""},
		"healing that fails": {func(m *memory, d *Deployer) Result {
			m.before = func(method string) error {
				if method == "ServiceUpdate" {
					return errors.New("no")
				}
				return nil
			}
			return d.Reconcile(context.Background(), stack)
		}, Failed, ""},
		"a rollback that is refused":    {func(_ *memory, d *Deployer) Result { return d.Rollback(context.Background(), stack, 7) }, Refused, ""},
		"a deployment that is put back": {deploy("crash:1"), PutBack, ByPerson},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager-1", "manager-2")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			holds(t, m, "manager-2", func(labels map[string]string) { labels[labelUntil] = "1" })
			byHand(m, "shop_api", scaled(5))
			if result := c.takesOver(m, d); result.Outcome != c.outcome {
				t.Fatalf("%+v", result)
			}
			m.before = nil
			expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
			if last := lastOf(t, d); last == nil || last.Outcome != PutBack || last.By != c.by || (last.Host == "manager-2") != (c.by == "") {
				t.Errorf("the trace is %+v", last)
			}
			if left, err := d.leftBehind(t.Context(), stack); err != nil || left {
				t.Errorf("it is somebody's to finish still: %v, %v", left, err)
			}
		})
	}
}

// TestARunThatDiedLeavesATrace: the run that finishes it writes the record, since no other
// run knows the outcome.
func TestARunThatDiedLeavesATrace(t *testing.T) {
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	died := newDeployer(t, m)
	d.Alive = func(string) bool { return false }
	died.node, died.Host, died.run = d.node, "manager-2", "1-1"
	if c, _, err := died.tryClaim(t.Context(), stack); c == nil || err != nil {
		t.Fatalf("no claim: %v", err)
	}
	byHand(m, "shop_api", scaled(5))
	expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
	if last := lastOf(t, d); last == nil || last.Outcome != PutBack || last.Host != "manager-2" || last.By != "" {
		t.Errorf("the trace is %+v", last)
	}
}
