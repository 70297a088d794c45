package release

import (
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"
)

// Unexpected configs in the store are reported or ignored.
func TestOddConfigs(t *testing.T) {
	for name, c := range map[string]struct {
		odd     swarm.ConfigSpec
		outcome Outcome
		release int
		codes   []string
	}{
		"a release that cannot be read": {swarm.ConfigSpec{Data: []byte("no gzip"), Annotations: swarm.Annotations{Name: "shop-release-2",
			Labels: map[string]string{labelStack: stack, labelRelease: "2"}}}, Failed, 0, []string{"releases"}},
		"a config with a release's name": {swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "shop-release-2"}}, Runs, 3, nil},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			if _, err := m.ConfigCreate(t.Context(), c.odd); err != nil {
				t.Fatal(err)
			}
			expect(t, deploys(d, specsOf(service("api", "run:2"))), c.outcome, c.release, c.codes...)
			if want := map[Outcome]string{Runs: "run:2", Failed: "run:1"}[c.outcome]; runningImages(m)["shop_api"] != want {
				t.Errorf("runs %v, want %s", runningImages(m), want)
			}
		})
	}
}

// If a release cannot be removed, the removal stops there. Otherwise the release that
// withdraws others could be removed before them, and they would count again.
func TestRemovalOfReleasesStopsWhereItFails(t *testing.T) {
	virtual(t, "refused once", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		for _, tag := range []string{"run:1", "run:2"} {
			deploys(d, specsOf(service("api", tag)))
		}
		refused := false
		before(m, func(method string) error {
			if method == "ConfigRemove" && !refused {
				refused = true
				return errdefs.ErrPermissionDenied
			}
			return nil
		})
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 3)
		before(m, nil)
		if list, err := d.labelled(t.Context(), labelRelease); err != nil || len(list) != 3 {
			t.Errorf("%d configs of releases, %v", len(list), err)
		}
		expect(t, deploys(d, specsOf(service("api", "run:3"))), Runs, 4)
		if releases, err := d.Releases(t.Context(), stack); err != nil || len(releases.Releases) != 2 {
			t.Errorf("%d releases, %v", len(releases.Releases), err)
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
