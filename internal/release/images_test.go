package release

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/containerd/errdefs"
)

func TestRegistryThatIsAway(t *testing.T) {
	away := errdefs.ErrUnavailable
	for name, c := range map[string]struct {
		next    string
		answer  error
		outcome Outcome
		release int
		codes   []string
		runs    string
	}{
		"what runs keeps its digest":       {"run:1", away, Runs, 1, nil, "run:1"},
		"another image is refused":         {"run:2", away, Refused, 0, []string{"image-missing"}, "run:1"},
		"one that it does not have, too":   {"run:2", errdefs.ErrNotFound, Refused, 0, []string{"image-missing"}, "run:1"},
		"the nodes may have it themselves": {"run:2", errdefs.ErrUnauthenticated, Runs, 2, nil, "run:2"},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			digested := m.services[0].Spec.TaskTemplate.ContainerSpec.Image
			m.registry[c.next] = c.answer
			expect(t, deploys(d, specsOf(service("api", c.next))), c.outcome, c.release, c.codes...)
			if image := m.services[0].Spec.TaskTemplate.ContainerSpec.Image; c.next == "run:1" && image != digested {
				t.Errorf("%s became %s", digested, image)
			}
			if runs := runningImages(m)["shop_api"]; runs != c.runs {
				t.Errorf("runs %s, want %s", runs, c.runs)
			}
		})
	}
}

// A new service with an image that another service runs does not take away the other one's
// digest, although the new service's name comes first.
func TestRegistryThatIsAwayWithANewServiceOfAnImageThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("web", "run:1"))), Runs, 1)
		digested := m.services[0].Spec.TaskTemplate.ContainerSpec.Image
		m.registry["run:1"] = errdefs.ErrUnavailable
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("web", "run:1"))), Runs, 2)
		for _, s := range m.services {
			if image := s.Spec.TaskTemplate.ContainerSpec.Image; image != digested {
				t.Errorf("%s runs %s, want %s", s.Spec.Name, image, digested)
			}
		}
	})
}

// A registry takes its time, so it is asked for several images at once. Here it gives no
// answer until it was asked for both.
func TestRegistriesAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		var both sync.WaitGroup
		both.Add(2)
		m.inspect = func() { both.Done(); both.Wait() }
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("db", "run:2"))), Runs, 1)
	})
}

func TestNewLoginReachesTheServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Auth = func(string) (string, error) { return "first", nil }
		d.Key = func() ([]byte, error) { return []byte("key"), nil }
		specs := specsOf(service("api", "run:1"))
		expect(t, deploys(d, specs), Runs, 1)
		expect(t, deploys(d, specs), Runs, 1)
		d.Auth = func(string) (string, error) { return "second", nil }
		expect(t, deploys(d, specs), Runs, 2)
		if m.updates["shop_api"] != 1 {
			t.Errorf("%d updates, want 1", m.updates["shop_api"])
		}
		// Only with the managers' key can anyone tell from the release which login it was.
		h, err := d.load(t.Context(), stack)
		if err != nil || h.last().Logins["shop_api"] == "" || h.last().Logins["shop_api"] == digest([]byte("second")) {
			t.Errorf("%v, %v", h.last().Logins, err)
		}
	})
}

func TestARegistrysErrorIsReportedOnce(t *testing.T) {
	err := imageError{"shop_api", "api:nope", errors.New("docker.io/library/api:nope: manifest unknown: manifest unknown")}
	if got := err.Error(); got != "service shop_api: image api:nope: docker.io/library/api:nope: manifest unknown" {
		t.Errorf("%s", got)
	}
}
