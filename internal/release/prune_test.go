package release

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// A removed service names the volumes that it leaves behind. A volume that Docker will not
// change is named before the deployment.
func TestVolumesAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		file := func(text string) *stackfile.File {
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: text}}})
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		deploy := func(text string) (said string) {
			d.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
			if got := d.Deploy(t.Context(), stack, Order{File: file(text), From: FromPulumi, By: ByPulumi}); got.Outcome != Runs {
				t.Fatalf("%+v", got)
			}
			return said
		}
		const db = "services:\n  api: {image: run}\n  db: {image: run, volumes: ['data:/data']}\n"
		if said := deploy(db + "volumes: {data: {labels: {tier: one}}}\n"); strings.Contains(said, "shop_data") {
			t.Errorf("a new volume: %s", said)
		}
		if said := deploy(db + "volumes: {data: {labels: {tier: two}}}\n"); !strings.Contains(said, "shop_data") && !strings.Contains(said, "volume data") {
			t.Errorf("a changed volume: %s", said)
		}
		if said := deploy("services:\n  api: {image: run}\n"); !strings.Contains(said, "shop_data") {
			t.Errorf("a service with a volume goes: %s", said)
		}
	})
}

func TestFileNoLongerNamesAServiceAndANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		first := specsOf(service("api", "run:1"), service("old", "run:1"))
		first.Networks = map[string]network.CreateOptions{"shop_old": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
		expect(t, deploys(d, first), Runs, 1)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 2)
		if len(m.services) != 1 || len(m.networks) != 0 {
			t.Errorf("left: %d services, %d networks", len(m.services), len(m.networks))
		}
	})
}

// Services and networks are named before they are removed, so that somebody who reads the
// output can still stop it.
func TestRemovalsAreNamedBeforeTheyHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		first := specsOf(service("api", "run:1"), service("old", "run:1"), service("older", "run:1"))
		first.Networks = map[string]network.CreateOptions{"shop_past": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
		expect(t, deploys(d, first), Runs, 1)
		var said, gone []string
		d.Say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		m.before = func(method string) error {
			names := map[string][]string{"ServiceRemove": {"shop_old", "shop_older"}, "NetworkRemove": {"shop_past"}}[method]
			for _, name := range names {
				if !slices.ContainsFunc(said, func(line string) bool {
					return slices.Contains(strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ,;:", r) }), name)
				}) {
					t.Errorf("%s before %s was named; said was %q", method, name, said)
				}
			}
			gone = append(gone, names...)
			return nil
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 2)
		if len(gone) != 5 {
			t.Errorf("of what goes there were asked %q", gone)
		}
	})
}

// TestFailedDeploymentTakesNothingAway that the file no longer names: it runs on
// until the rest runs, unless the two could not run side by side.
func TestFailedDeploymentTakesNothingAway(t *testing.T) {
	onPort := func(s *swarm.ServiceSpec) {
		s.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{{Protocol: "tcp", TargetPort: 80, PublishedPort: 8080}}}
	}
	for name, c := range map[string]struct {
		next    swarm.ServiceSpec
		removed bool
	}{
		"another service":         {service("web", "crash:1"), false},
		"one that takes its port": {service("web", "crash:1", onPort), true},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1", onPort))), Runs, 1)
			id := m.services[0].ID
			expect(t, deploys(d, specsOf(c.next)), PutBack, 1, "task-failed")
			if len(m.services) != 1 || m.services[0].Spec.Name != "shop_api" || runningImages(m)["shop_api"] != "run:1" {
				t.Errorf("%d services, %v run", len(m.services), runningImages(m))
			}
			if removed := m.services[0].ID != id; removed != c.removed {
				t.Errorf("removed %v, want %v", removed, c.removed)
			}
		})
	}
}
