package release

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"
)

// twoPlatforms are the registry's answer about an image, and ofTwo is what Docker's client
// makes of it.
const twoPlatforms = `[{"architecture":"amd64","os":"linux"},{"architecture":"arm","os":"linux","variant":"v7"}]`

var ofTwo = []swarm.Platform{{Architecture: "amd64", OS: "linux"}, {OS: "linux"}}

// mustBePlaced expects these platforms in the spec of the only service, and that number of
// updates of it.
func mustBePlaced(t *testing.T, m *memory, updates int, want []swarm.Platform) {
	t.Helper()
	var have []swarm.Platform
	if placement := m.services[0].Spec.TaskTemplate.Placement; placement != nil {
		have = placement.Platforms
	}
	if !slices.Equal(have, want) || m.updates["shop_api"] != updates {
		t.Errorf("platforms %v after %d updates; want %v after %d", have, m.updates["shop_api"], want, updates)
	}
}

func mustBeInSync(t *testing.T, d *Deployer) {
	t.Helper()
	if status, err := d.Status(t.Context(), stack); err != nil || !status.InSync {
		t.Errorf("%v: differs %v", err, status.Differences)
	}
}

func newPlatforms(t *testing.T) (*memory, *Deployer) {
	m := newMemory("manager")
	m.nodes[0].Description.Platform = swarm.Platform{OS: "linux", Architecture: "x86_64"}
	m.platforms = map[string]string{"run:1": twoPlatforms}
	return m, newDeployer(t, m)
}

// As `docker stack deploy` does, a deployment writes the platforms of the image. While the
// registry is away, the service keeps the platforms of what it runs.
func TestDeploymentWritesThePlatformsOfTheImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := newPlatforms(t)
		expect(t, deploys(d, specsOf(service("api", "run:1", on("node.role == manager")))), Runs, 1)
		mustBePlaced(t, m, 0, ofTwo)
		mustBeInSync(t, d)
		m.registry["run:1"] = errdefs.ErrUnavailable
		expect(t, deploys(d, specsOf(service("api", "run:1", env("A=b")))), Runs, 2)
		mustBePlaced(t, m, 1, ofTwo)
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 3) // the registry does not say its platforms
		mustBePlaced(t, m, 2, nil)
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 4)
		mustBePlaced(t, m, 3, ofTwo)
	})
}

// A service that was deployed without platforms remains as it is until it changes. So does
// a service that somebody deployed with other platforms.
func TestPlatformsAloneChangeNoService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := newPlatforms(t)
		m.platforms = nil
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		m.platforms = map[string]string{"run:1": twoPlatforms}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		mustBePlaced(t, m, 0, nil)
		mustBeInSync(t, d)
		other := []swarm.Platform{{OS: "linux"}}
		m.services[0].Spec.TaskTemplate.Placement = &swarm.Placement{Platforms: other}
		mustBeInSync(t, d)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		mustBePlaced(t, m, 0, other)
		expect(t, deploys(d, specsOf(service("api", "run:1", env("A=b")))), Runs, 2)
		mustBePlaced(t, m, 1, ofTwo)
	})
}

// An image that is named by its digest is deployed without the registry. The registry is
// only asked once for its platforms.
func TestImageByDigestNeedsNoRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := newPlatforms(t)
		asked := 0
		m.inspect = func() { asked++ }
		one, two := "run@sha256:"+strings.Repeat("1", 64), "run@sha256:"+strings.Repeat("2", 64)
		m.platforms = map[string]string{one: twoPlatforms, two: twoPlatforms}
		expect(t, deploys(d, specsOf(service("api", one))), Runs, 1)
		mustBePlaced(t, m, 0, ofTwo)
		expect(t, deploys(d, specsOf(service("api", one, env("A=b")))), Runs, 2)
		mustBePlaced(t, m, 1, ofTwo)
		if asked != 1 {
			t.Errorf("the registry was asked %d times", asked)
		}
		m.registry[two] = errdefs.ErrUnavailable
		expect(t, deploys(d, specsOf(service("api", two))), Runs, 3)
		mustBePlaced(t, m, 2, nil)
	})
}
