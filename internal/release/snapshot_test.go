package release

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

// keeps gives a service a named volume.
func keeps(name string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.TaskTemplate.ContainerSpec.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: name, Target: "/data"}}
	}
}

func reads(name string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.TaskTemplate.ContainerSpec.Configs = []*swarm.ConfigReference{{ConfigName: name, File: &swarm.ConfigReferenceFileTarget{Name: "/c"}}}
	}
}

// backedUp is a Swarm with a second release of a stack; it returns the snapshot as read
// back from a backup.
func backedUp(t *testing.T) Snapshot {
	t.Helper()
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	m.configs = append(m.configs, swarm.Config{ID: "c", Spec: configOf("conf-1", map[string]string{"com.docker.stack.namespace": stack}, []byte("content"))})
	m.store("token", "token-1")
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	expect(t, deploys(d, specsOf(service("api", "run:2", reads("conf-1")), service("db", "run:3", keeps("shop_data")))), Runs, 2)
	m.configs = append(m.configs, swarm.Config{ID: "claim", Spec: configOf(claimName("blog"), map[string]string{labelHolder: "id-manager"}, []byte("deploying"))})
	if err := d.Pause(t.Context(), stack, 1e9, "test"); err != nil {
		t.Fatal(err)
	}
	if err := d.noteAs(t.Context(), labelVariables, stack, "trusted-variables", []byte(`{"A":"b"}`)); err != nil {
		t.Fatal(err)
	}
	made, err := d.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var back Snapshot
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Stacks(), []string{stack}) || len(back.Secrets) != 1 || back.Secrets[0].Name != "token-1" || back.Host != "manager" {
		t.Fatalf("%+v", back)
	}
	for _, config := range back.Configs {
		if config.Labels[labelPaused] != "" || config.Labels[labelHolder] != "" {
			t.Errorf("%s is in the backup", config.Name)
		}
	}
	return back
}

// In an empty Swarm, a backup brings back the newest release, the configs that it names,
// and the record against which the deploy key is measured.
func TestRestoreIntoAnEmptySwarm(t *testing.T) {
	virtual(t, "empty", func(t *testing.T) {
		from := backedUp(t)
		m := newMemory("new-manager", "worker")
		d := newDeployer(t, m)
		filled := 0
		fill := func(context.Context) error {
			filled++
			time.Sleep(2 * d.Settings.Longest()) // as if the volume were large
			return nil
		}
		expect(t, d.Restore(t.Context(), stack, Restoration{from, []string{"shop_data"}, fill}), Runs, 1)
		if running := runningImages(m); running["shop_api"] != "run:2" || running["shop_db"] != "run:3" || filled != 1 {
			t.Errorf("runs %v, filled %d times", running, filled)
		}
		if !slices.ContainsFunc(m.configs, func(c swarm.Config) bool { return c.Spec.Name == "conf-1" && string(c.Spec.Data) == "content" }) {
			t.Error("the config is not there")
		}
		if variables, err := d.Variables(t.Context(), stack); err != nil || variables["A"] != "b" {
			t.Errorf("variables %v, %v", variables, err)
		}
		list, err := d.Releases(t.Context(), stack)
		if err != nil || len(list.Releases) != 1 || list.Releases[0].By != ByRestore || list.Releases[0].From != FromPulumi {
			t.Errorf("releases %+v, %v", list, err)
		}
	})
}

// Configs made from a stack's file are in a backup only once: their copies are made again.
func TestABackupHasNoCopies(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		from := newSite(t)
		expect(t, from.deploy("one", "db1", "p1"), Runs, 1)
		made, err := from.d.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, config := range made.Configs {
			if config.Labels[labelCopy] != "" {
				t.Errorf("%s is in the backup", config.Name)
			}
		}
		to := newSite(t)
		to.m.secrets = from.m.secrets // `pulumi up` and stack-repo's files bring them
		expect(t, to.d.Restore(t.Context(), stack, Restoration{made, nil, nil}), Runs, 1)
		to.expect("runs", to.runs(), []string{"config one", "secret db1", "secret p1"})
		copies := 0
		for _, config := range to.m.configs {
			if config.Spec.Labels[labelCopy] == stack && string(config.Spec.Data) == "one" {
				copies++
			}
		}
		if copies != 1 {
			t.Errorf("%d copies", copies)
		}
	})
}

// While volumes are filled nobody uses them, whatever the mode of the services. The other
// services keep running.
func TestVolumesAreRestoredWhileUnused(t *testing.T) {
	for _, global := range []bool{false, true} {
		virtual(t, map[bool]string{false: "replicated", true: "global"}[global], func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			mode := func(s *swarm.ServiceSpec) {
				if global {
					s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}}
				}
			}
			expect(t, deploys(d, specsOf(service("api", "run:1"), service("db", "run:3", keeps("shop_data"), mode))), Runs, 1)
			from, err := d.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			fill := func(context.Context) error {
				m.step()
				if running := runningImages(m); running["shop_db"] != "" || running["shop_api"] != "run:1" {
					t.Errorf("while it is filled, %v run", running)
				}
				return nil
			}
			got := d.Restore(t.Context(), stack, Restoration{from, []string{"shop_data"}, fill})
			if got.Outcome != Runs || runningImages(m)["shop_db"] != "run:3" {
				t.Errorf("%+v, %v", got, runningImages(m))
			}
			// The agent sees nothing to do.
			if status, err := d.Status(t.Context(), stack); err != nil || !status.InSync || !status.Healthy {
				t.Errorf("%+v, %v", status.Differences, err)
			}
		})
	}
}

// If a backup cannot be read, what ran before keeps running.
func TestRestoreThatFailsPutsBack(t *testing.T) {
	virtual(t, "fails", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("db", "run:3", keeps("shop_data")))), Runs, 1)
		from, err := d.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := d.Restore(t.Context(), stack, Restoration{from, []string{"shop_data"}, func(context.Context) error { return errors.New("cut off") }})
		if got.Outcome != PutBack || runningImages(m)["shop_db"] != "run:3" {
			t.Errorf("%+v, %v", got, runningImages(m))
		}
	})
}

// If a release needs something that does not exist, that is reported before anything is
// stopped.
func TestRestoreRefusesBeforeItTouches(t *testing.T) {
	needs := func(s *swarm.ServiceSpec) {
		s.TaskTemplate.ContainerSpec.Secrets = []*swarm.SecretReference{{SecretName: "token", File: &swarm.SecretReferenceFileTarget{Name: "token"}}}
	}
	virtual(t, "refused", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		m.store("token", "token-1")
		expect(t, deploys(d, specsOf(service("db", "run:3", keeps("shop_data"), needs))), Runs, 1)
		from, err := d.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		filled := func(context.Context) error { t.Error("it was filled"); return nil }
		if got := d.Restore(t.Context(), "other", Restoration{from, nil, nil}); got.Outcome != Refused || got.Problems[0].Code != "no-release" {
			t.Errorf("%+v", got)
		}
		bare := newMemory("manager")
		got := newDeployer(t, bare).Restore(t.Context(), stack, Restoration{from, []string{"shop_data"}, filled})
		if got.Outcome != Refused || got.Problems[0].Code != "secret-missing" || len(bare.services) != 0 {
			t.Errorf("%+v", got)
		}
		m.services = append(m.services, swarm.Service{ID: "x", Spec: serviceOf("blog", "web", "run:9", keeps("shop_data"))})
		if got := d.Restore(t.Context(), stack, Restoration{from, []string{"shop_data"}, filled}); got.Outcome != Failed || m.updates["shop_db"] != 0 {
			t.Errorf("another stack uses it: %+v, %v", got, m.updates)
		}
	})
}
