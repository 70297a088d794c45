package release

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"
)

// by hand changes a live service.
func byHand(m *memory, name string, change func(*swarm.ServiceSpec)) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for i := range m.services {
		if m.services[i].Spec.Name == name {
			change(&m.services[i].Spec)
			m.services[i].Version = m.next()
			m.tell("service")
		}
	}
}

func scaled(replicas uint64) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = &replicas }
}

// envOf are a live service's variables.
func envOf(m *memory, name string) []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, s := range m.services {
		if s.Spec.Name == name {
			return s.Spec.TaskTemplate.ContainerSpec.Env
		}
	}
	return nil
}

func replicasOf(m *memory, name string) uint64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, s := range m.services {
		if s.Spec.Name == name {
			return *s.Spec.Mode.Replicated.Replicas
		}
	}
	return 0
}

func TestReconcilePutsBackWhatWasChangedByHand(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *memory){
		"scaled":      func(_ *testing.T, m *memory) { byHand(m, "shop_api", scaled(5)) },
		"another env": func(_ *testing.T, m *memory) { byHand(m, "shop_api", env("LEVEL=debug")) },
		"removed": func(t *testing.T, m *memory) {
			for _, s := range slices.Clone(m.services) {
				if s.Spec.Name == "shop_api" {
					_ = m.ServiceRemove(t.Context(), s.ID)
				}
			}
		},
		"one more": func(t *testing.T, m *memory) {
			_, _ = m.ServiceCreate(t.Context(), service("extra", "run:1"), swarm.ServiceCreateOptions{})
		},
		"drained":    func(t *testing.T, m *memory) { m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityDrain },
		"label gone": func(t *testing.T, m *memory) { m.node(t, "worker").Spec.Labels = nil },
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"), service("db", "run:1"))), Runs, 1)
			change(t, m)
			before := m.updates["shop_db"]
			expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
			_, differences, err := d.compare(t.Context(), stack)
			if err != nil || len(differences) > 0 {
				t.Errorf("differs still: %v %v", differences, err)
			}
			if replicasOf(m, "shop_api") != 2 || len(m.services) != 2 {
				t.Errorf("api has %d replicas, %d services", replicasOf(m, "shop_api"), len(m.services))
			}
			if worker := m.node(t, "worker").Spec; worker.Availability != swarm.NodeAvailabilityActive || worker.Labels[labelRole] != "worker" {
				t.Errorf("worker %+v", worker)
			}
			if m.updates["shop_db"] != before {
				t.Error("a service that nobody changed was touched")
			}
		})
	}
}

// Docker knows networks and secrets by ids, which change when they are made again.
// That does not make another release.
func TestNewIdsAreNoNewRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		m.store("db", "db-aaaaaaaaaaaa")
		m.configs = append(m.configs, swarm.Config{ID: "record", Spec: swarm.ConfigSpec{Data: []byte("{}"),
			Annotations: swarm.Annotations{Name: "averazure-secrets-1", Labels: map[string]string{labelVersions: "1"}}}})
		d := newDeployer(t, m)
		specs := withNet(specsOf(service("api", "run:1", joined), service("db", "run:1", secret("db"))))
		expect(t, deploys(d, specsOf(service("api", "run:0"))), Runs, 1)
		expect(t, deploys(d, specs), Runs, 2)
		for _, s := range slices.Clone(m.services) {
			if err := m.ServiceRemove(t.Context(), s.ID); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.NetworkRemove(t.Context(), m.networks[0].ID); err != nil {
			t.Fatal(err)
		}
		m.secrets = nil
		m.store("db", "db-aaaaaaaaaaaa")
		m.secrets[0].ID = "another-id"
		expect(t, d.Reconcile(t.Context(), stack), Runs, 2)
		status, err := d.Status(t.Context(), stack)
		if err != nil || status.Release.Number != 2 || len(status.Releases) != 2 || len(status.Differences) > 0 {
			t.Errorf("%v: release %+v of %d, %v", err, status.Release, len(status.Releases), status.Differences)
		}
		expect(t, deploys(d, specs), Runs, 2)
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 3)
		if runs := runningImages(m)["shop_api"]; runs != "run:0" {
			t.Errorf("went back to %s", runs)
		}
	})
}

func TestNodeOnHoldIsLeftAlone(t *testing.T) {
	for _, why := range []string{"a disk is replaced", holdLeaving} {
		virtual(t, why, func(t *testing.T) { nodeOnHoldIsLeftAlone(t, why) })
	}
}

func nodeOnHoldIsLeftAlone(t *testing.T, why string) {
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	worker := m.node(t, "worker")
	worker.Spec.Availability = swarm.NodeAvailabilityDrain
	worker.Spec.Labels[labelHold] = why
	byHand(m, "shop_api", scaled(5))
	expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
	if m.node(t, "worker").Spec.Availability != swarm.NodeAvailabilityDrain {
		t.Error("a node on hold was made active")
	}
}

// TestFullNodeIsOnlySaid: nobody can repair it from here, and it turns nothing red.
func TestFullNodeIsOnlySaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		m.node(t, "worker").Description.Engine.Labels = map[string]string{labelDisk: "93"}
		before := m.index
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
		if m.index != before {
			t.Error("something was changed")
		}
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
		status, err := d.Status(t.Context(), stack)
		if err != nil || !status.Healthy || status.InSync || len(status.Differences) != 1 || status.Differences[0].Code != CodeNodeDisk {
			t.Errorf("%v: %+v", err, status)
		}
	})
}

func TestReconcileGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		byHand(m, "shop_api", scaled(5))

		if err := d.Pause(t.Context(), stack, time.Hour, "a test"); err != nil {
			t.Fatal(err)
		}
		expect(t, d.Reconcile(t.Context(), stack), Busy, 1, "paused")
		if err := d.Resume(t.Context(), stack); err != nil {
			t.Fatal(err)
		}
		holds(t, m, "manager-2", nil)
		expect(t, d.Reconcile(t.Context(), stack), Busy, 0, "busy")
		if replicasOf(m, "shop_api") != 5 {
			t.Error("a stack was healed that was to be left alone")
		}
	})
}

// A pause takes the place of another one at once: where it cannot, that one goes on.
func TestPauseReplacesAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		for _, why := range []string{"first", "second", "third"} {
			if why == "third" {
				m.before = func(method string) error {
					if method == "ConfigCreate" || method == "ConfigUpdate" {
						return errdefs.ErrFailedPrecondition
					}
					return nil
				}
			}
			if err := d.Pause(t.Context(), stack, time.Hour, why); (err != nil) != (why == "third") {
				t.Errorf("%s: %v", why, err)
			}
		}
		if now, err := d.paused(t.Context(), stack); err != nil || now == nil || now.Why != "second" {
			t.Errorf("%+v, %v", now, err)
		}
	})
}

// Docker is away for a moment, and then the name is taken: by this run, whose answer got
// lost, or by something else.
func TestANameThatIsTakenIsLookedAt(t *testing.T) {
	for data, ours := range map[string]bool{"mine": true, "another's": false} {
		virtual(t, data, func(t *testing.T) {
			m, away := newMemory("manager"), true
			d := newDeployer(t, m)
			labels := map[string]string{"a": "b"}
			if _, err := m.ConfigCreate(t.Context(), configOf("x", labels, []byte(data))); err != nil {
				t.Fatal(err)
			}
			m.before = func(method string) error {
				if method == "ConfigCreate" && away {
					away = false
					return errdefs.ErrUnavailable
				}
				return nil
			}
			if err := d.createConfig(t.Context(), configOf("x", labels, []byte("mine"))); (err == nil) != ours || err != nil && !conflict(err) {
				t.Errorf("%s: %v", data, err)
			}
		})
	}
}

func TestPauseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		if err := d.Pause(t.Context(), stack, time.Minute, "a test"); err != nil {
			t.Fatal(err)
		}
		d.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
		byHand(m, "shop_api", scaled(5))
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
	})
}

func TestRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		for _, tag := range []string{"run:1", "run:2", "run:3"} {
			deploys(d, specsOf(service("api", tag)))
		}
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 4) // to 2
		if runs := runningImages(m)["shop_api"]; runs != "run:2" {
			t.Fatalf("runs %s", runs)
		}
		expect(t, d.Rollback(t.Context(), stack, 3), Refused, 0, "no-release") // withdrawn
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 5)                  // to 1
		releases, err := d.Releases(t.Context(), stack)
		if err != nil || len(releases.Releases) != 1 || releases.Releases[0].By != ByRollback || runningImages(m)["shop_api"] != "run:1" {
			t.Fatalf("%d releases, %v; runs %s", len(releases.Releases), err, runningImages(m)["shop_api"])
		}
		expect(t, d.Rollback(t.Context(), stack, 0), Refused, 0, "no-release")
	})
}

// What healing or a put-back records is by that, with the revision of the file and whoever
// deployed it. A release
// that Docker has as it was keeps its number and whoever made it.
func TestReleaseSaysWhatBroughtItUpAgain(t *testing.T) {
	for name, c := range map[string]struct {
		again func(*Deployer) Result
		by    string
	}{
		"healing": {func(d *Deployer) Result { return d.Reconcile(context.Background(), stack) }, ByHeal},
		"put back": {func(d *Deployer) Result {
			return d.Deploy(context.Background(), stack, Order{File: fileOf(t, "crash:1"), From: FromStackRepo, By: ByStackRepo, Revision: "2222222", Actor: "eve"})
		}, ByRollback},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			expect(t, d.Deploy(t.Context(), stack, Order{File: fileOf(t, "run:1"), From: FromStackRepo, By: ByStackRepo, Revision: "1111111", Actor: "ada"}), Runs, 1)
			mustBe := func(number int, by, actor, origin string) {
				t.Helper()
				list, err := d.Releases(t.Context(), stack)
				if err != nil || len(list.Releases) != 1 {
					t.Fatalf("%v: %+v", err, list.Releases)
				}
				if r := list.Releases[0]; r.Number != number || r.By != by || r.Actor != actor || r.Revision != "1111111" || r.From != FromStackRepo || r.Origin != origin {
					t.Errorf("%+v", r)
				}
			}
			byHand(m, "shop_api", scaled(5))
			c.again(d)
			mustBe(1, ByStackRepo, "ada", "")
			// From now on Docker makes something else of the same file, as after an update.
			m.fills = func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Hostname = "filled-in" }
			byHand(m, "shop_api", scaled(5))
			c.again(d)
			mustBe(2, c.by, "", ByStackRepo)
			m.fills = nil
			byHand(m, "shop_api", scaled(5))
			c.again(d)
			mustBe(3, c.by, "", ByStackRepo)
		})
	}
}

// TestWithdrawnReleaseIsNotHealedBack where nobody got to remove it.
func TestWithdrawnReleaseIsNotHealedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		deploys(d, specsOf(service("api", "run:1")))
		deploys(d, specsOf(service("api", "run:2")))
		m.before = func(method string) error {
			if method == "ConfigRemove" {
				return context.DeadlineExceeded
			}
			return nil
		}
		d.Settings.Call = 10 * time.Millisecond
		expect(t, d.Rollback(t.Context(), stack, 1), Runs, 3)
		m.before = nil
		d.Alive = func(string) bool { return false } // the claim could not be removed either
		byHand(m, "shop_api", scaled(1))
		expect(t, d.Reconcile(t.Context(), stack), Runs, 3)
		if runs := runningImages(m)["shop_api"]; runs != "run:1" {
			t.Errorf("runs %s", runs)
		}
	})
}

func TestDeployAfterRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		deploys(d, specsOf(service("api", "run:1")))
		expect(t, d.Remove(t.Context(), stack), Runs, 0)
		if len(m.services) != 0 || len(m.configs) != 0 {
			t.Errorf("left: %d services, %d configs", len(m.services), len(m.configs))
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	})
}

// A task of a removed service stays in Swarm's books on a node that is down: the stack is
// gone all the same. One on a node that answers is waited for.
func TestRemoveDoesNotWaitForANodeThatIsDown(t *testing.T) {
	for state, outcome := range map[swarm.NodeState]Outcome{swarm.NodeStateDown: Runs, swarm.NodeStateReady: Failed} {
		virtual(t, string(state), func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			deploys(d, specsOf(service("api", "run:1")))
			left := m.tasks[0]
			left.ID, left.ServiceID, left.NodeID = "left", "another", "id-worker"
			m.tasks = append(m.tasks, left)
			m.node(t, "worker").Status.State = state
			if got := d.Remove(t.Context(), stack); got.Outcome != outcome {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestSecretsByVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		m.store("db", "db-aaaaaaaaaaaa")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1", secret("db")))), Runs, 1)
		m.store("db", "db-bbbbbbbbbbbb")
		_, _ = m.ConfigCreate(t.Context(), swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "averazure-secrets-1",
			Labels: map[string]string{labelVersions: "1"}}, Data: []byte(`{"db":"db-bbbbbbbbbbbb"}`)})
		rolled := func() Result {
			return d.change(t.Context(), stack, 0, func(ctx context.Context, w *work) Result {
				v, _ := d.versions(ctx)
				return w.bringUp(ctx, wanted{specs: specsOf(service("api", "run:1", secret("db"))), secrets: v.present})
			})
		}
		// Another stack's deployment may have chosen the former version.
		_, other, err := newDeployer(t, m).claim(t.Context(), "another", 0)
		if err != nil {
			t.Fatal(err)
		}
		if expect(t, rolled(), Runs, 2); len(m.secrets) != 2 {
			t.Errorf("%d versions are left beside another deployment", len(m.secrets))
		}
		other.release(t.Context())
		expect(t, rolled(), Runs, 2)
		ref := m.services[0].Spec.TaskTemplate.ContainerSpec.Secrets[0]
		if ref.SecretName != "db-bbbbbbbbbbbb" || ref.SecretID != "id-db-bbbbbbbbbbbb" || ref.File.Name != "db" {
			t.Errorf("the service has %+v", ref)
		}
		if len(m.secrets) != 1 {
			t.Errorf("%d versions are left", len(m.secrets))
		}
	})
}

// TestStoppedDeploymentIsHandedBack: SIGTERM in the middle.
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
			_, err := m.TaskList(t.Context(), swarm.TaskListOptions{}) // time passes
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

// A service that was deployed by a bare tag, since its registry was away, runs what it ran:
// healing asks nobody what the tag stands for by now.
func TestHealingDeploysNoOtherImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		m.registry["run:1"] = errdefs.ErrUnavailable
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("web", "run:2"))), Runs, 1)
		m.registry["run:1"] = nil
		byHand(m, "shop_web", scaled(5))
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
		if m.updates["shop_api"] != 0 || replicasOf(m, "shop_web") != 2 {
			t.Errorf("updates %v, %d replicas", m.updates, replicasOf(m, "shop_web"))
		}
	})
}
