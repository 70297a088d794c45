package release

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

func TestUnchangedServicesAreNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("db", "run:1"))), Runs, 1)
		expect(t, deploys(d, specsOf(service("api", "run:2"), service("db", "run:1"))), Runs, 2)
		expect(t, deploys(d, specsOf(service("api", "run:2"), service("db", "run:1"))), Runs, 2)
		if want := map[string]int{"shop_api": 1}; !maps.Equal(m.updates, want) {
			t.Errorf("updates %v, want %v", m.updates, want)
		}
	})
}

func TestFirstDeploymentThatFailsStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "crash:1"), service("db", "run:1"))), Failed, 0, "task-failed")
		if images := runningImages(m); images["shop_db"] != "run:1" {
			t.Errorf("what ran was taken away: %v", images)
		}
		result := deploys(d, specsOf(service("api", "run:1"), service("db", "run:1")))
		expect(t, result, Runs, 1)
	})
}

// A release that could not be recorded is refused before anything is touched.
func TestTooLargeForARelease(t *testing.T) {
	m := newMemory("manager")
	d := newDeployer(t, m)
	noise := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 500<<10 {
		fmt.Fprintf(&text, "%x", noise.Uint64())
	}
	expect(t, deploys(d, specsOf(service("api", "run", env("A="+text.String())))), Refused, 0, "too-large")
	if len(m.services) > 0 {
		t.Error("a service was made")
	}
}

// A service whose restarts are used up is restarted by the next deployment, whatever that
// deployment changes. Otherwise nothing could be deployed beside it any more.
func TestStoppedServiceIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		limited := func(s *swarm.ServiceSpec) {
			one := uint64(1)
			s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, MaxAttempts: &one}
		}
		expect(t, deploys(d, specsOf(service("api", "run:1", limited), service("web", "run:1"))), Runs, 1)
		for i := range m.tasks { // the tasks failed long ago, and more often than the limit allows
			if strings.HasPrefix(m.tasks[i].Spec.ContainerSpec.Image, "run:1") && m.tasks[i].ServiceID == idOf(m, "shop_api") {
				for range 2 {
					m.tasks = append(m.tasks, m.tasks[i])
				}
			}
		}
		for i := range m.tasks {
			if m.tasks[i].ServiceID == idOf(m, "shop_api") {
				m.tasks[i].DesiredState, m.tasks[i].Status.State = swarm.TaskStateShutdown, swarm.TaskStateFailed
			}
		}
		expect(t, deploys(d, specsOf(service("api", "run:1", limited), service("web", "run:2"))), Runs, 2)
		if m.updates["shop_api"] != 1 {
			t.Errorf("updates %v", m.updates)
		}
	})
}

// One-time work that failed for good after its release is not repeated because something
// else changes. It does not block deployments or healing. A deployment starts only services
// that may be meant to keep running.
func TestFinalFailuresAreNotRepeatedUnasked(t *testing.T) {
	for name, c := range map[string]struct {
		seed func(*swarm.ServiceSpec)
	}{
		"job": {seed: func(s *swarm.ServiceSpec) {
			restart(swarm.RestartPolicyConditionNone)(s)
			s.Mode = swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{}}
		}},
		"one-shot": {seed: func(s *swarm.ServiceSpec) { restart(swarm.RestartPolicyConditionNone)(s); once(s) }},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			fail := func() {
				for i := range m.tasks {
					if m.tasks[i].ServiceID == idOf(m, "shop_seed") {
						m.tasks[i].DesiredState, m.tasks[i].Status.State, m.tasks[i].Status.Err = swarm.TaskStateShutdown, swarm.TaskStateFailed, "task: non-zero exit (1)"
					}
				}
			}
			expect(t, deploys(d, specsOf(service("seed", "end:1", c.seed), service("web", "run:1"))), Runs, 1)
			fail()
			byHand(m, "shop_web", scaled(5))
			if expect(t, d.Reconcile(t.Context(), stack), Runs, 1); replicasOf(m, "shop_web") == 5 || m.updates["shop_seed"] != 0 {
				t.Errorf("after healing: updates %v", m.updates)
			}
			if name == "one-shot" { // TestStoppedServiceIsRestarted tests what a deployment does here
				return
			}
			expect(t, deploys(d, specsOf(service("seed", "end:1", c.seed), service("web", "run:2"))), Runs, 2)
			if m.updates["shop_seed"] != 0 {
				t.Errorf("after a deployment: updates %v", m.updates)
			}
			fail()
			expect(t, deploys(d, specsOf(service("seed", "end:2", c.seed), service("web", "run:2"))), Runs, 3)
			if m.updates["shop_seed"] != 1 {
				t.Errorf("after another seed: updates %v", m.updates)
			}
		})
	}
}

// TestStoppedDeploymentIsHandedBack: SIGTERM arrives in the middle of the deployment.
func TestStoppedDeploymentIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		ctx, stop := context.WithCancel(t.Context())
		result := d.change(ctx, stack, 0, func(ctx context.Context, w *work) Result {
			time.AfterFunc(10*time.Millisecond, stop)
			return w.bringUp(ctx, wanted{specs: specsOf(service("api", "slow:1", failure("continue")))})
		})
		expect(t, result, Failed, 1, "stopped")
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
		eventually(t, "the release runs again", func() bool {
			_, err := m.TaskList(t.Context(), swarm.TaskListOptions{}) // lets time pass
			return err == nil && runningImages(m)["shop_api"] == "run:1"
		})
		if len(m.configs) != 1 {
			t.Errorf("%d configs are left", len(m.configs))
		}
	})
}

// What somebody changes by hand while a deployment waits is not part of its release.
func TestChangeDuringADeploymentIsDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("web", "run:1"))), Runs, 1)
		before(m, func(method string) error {
			if method != "TaskList" || m.updates["shop_api"] == 0 {
				return nil
			}
			for i := range m.services {
				if m.services[i].Spec.Name == "shop_web" {
					scaled(5)(&m.services[i].Spec)
				}
			}
			return nil
		})
		expect(t, deploys(d, specsOf(service("api", "run:2"), service("web", "run:1"))), Runs, 2)
		before(m, nil)
		status, err := d.Status(t.Context(), stack)
		if err != nil || status.InSync || len(status.Differences) != 1 || status.Differences[0].Released != "2" {
			t.Errorf("%v, %+v", err, status.Differences)
		}
		if got := d.Reconcile(t.Context(), stack); got.Outcome != Runs || replicasOf(m, "shop_web") != 2 {
			t.Errorf("%d replicas: %+v", replicasOf(m, "shop_web"), got)
		}
	})
}
