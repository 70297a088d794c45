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

// Docker knows networks and secrets by ids, which change when they are made again. New ids
// alone do not make another release.
func TestNewIDsMakeNoNewRelease(t *testing.T) {
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

func TestReconcileMakesWayForADeployment(t *testing.T) {
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

// A release that healing or a put-back records anew names that as what made it. It keeps
// the revision of the file and, as Origin, what deployed it. A release that Docker still
// has as it was keeps its number, and what made it.
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

// A service that was deployed by a bare tag, since its registry was away, keeps running the
// same image. Healing does not ask the registry what the tag means now.
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
