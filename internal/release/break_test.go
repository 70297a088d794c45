package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// In these tests each run is interrupted, or Docker fails, at each of the run's questions
// to Docker in turn. Whatever happens, the agent's next look leaves the stack complete, in
// the previous release or in the new one.

// oldSpecs and newSpecs are the two releases between which the runs below change: one
// service is changed, one removed and one added; one network is removed and one added.
func oldSpecs() stackfile.Specs {
	specs := withNet(specsOf(service("api", "run:1", joined, secret("db")), service("old", "run:1", joined), service("same", "run:1")))
	specs.Networks["shop_old"] = network.CreateOptions{Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}
	return specs
}

func newSpecs(api string) stackfile.Specs {
	specs := withNet(specsOf(service("api", api, joined, secret("db"), failure("continue")), service("same", "run:1"), service("new", "run:1", joined)))
	specs.Networks["shop_new"] = network.CreateOptions{Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}
	return specs
}

var (
	oldImages = map[string]string{"shop_api": "run:1", "shop_old": "run:1", "shop_same": "run:1"}
	newImages = map[string]string{"shop_api": "run:2", "shop_same": "run:1", "shop_new": "run:1"}
)

// A deed is one run of stackctl.
type deed struct {
	name string
	// do starts in a Swarm whose release 1 is oldSpecs. For a rollback, release 2 is
	// newSpecs.
	do    func(context.Context, *Deployer) Result
	two   bool
	hand  func(*testing.T, *memory)
	may   []map[string]string // what may run afterwards
	clean Outcome             // outcome of an undisturbed run
}

func deeds() []deed {
	bring := func(specs stackfile.Specs) func(context.Context, *Deployer) Result {
		return func(ctx context.Context, d *Deployer) Result {
			return d.change(ctx, stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
				return w.bringUp(ctx, wanted{specs: specs, release: Release{From: FromPulumi, By: ByPulumi}})
			})
		}
	}
	return []deed{
		{name: "deploy", do: bring(newSpecs("run:2")), may: []map[string]string{oldImages, newImages}, clean: Runs},
		{name: "deploy what fails", do: bring(newSpecs("crash:1")), may: []map[string]string{oldImages}, clean: PutBack},
		{name: "rollback", two: true, do: func(ctx context.Context, d *Deployer) Result { return d.Rollback(ctx, stack, 0) },
			may: []map[string]string{oldImages, newImages}, clean: Runs},
		{name: "heal", do: func(ctx context.Context, d *Deployer) Result { return d.Reconcile(ctx, stack) },
			hand: func(t *testing.T, m *memory) {
				byHand(m, "shop_api", scaled(5))
				for _, s := range slices.Clone(m.services) {
					if s.Spec.Name == "shop_old" {
						if err := m.ServiceRemove(t.Context(), s.ID); err != nil {
							t.Fatal(err)
						}
					}
				}
				if _, err := m.ServiceCreate(t.Context(), service("extra", "run:1"), swarm.ServiceCreateOptions{}); err != nil {
					t.Fatal(err)
				}
			},
			may: []map[string]string{oldImages}, clean: Runs},
		{name: "remove", two: true, do: func(ctx context.Context, d *Deployer) Result { return d.Remove(ctx, stack) },
			may: []map[string]string{newImages, {}}, clean: Runs},
	}
}

// swarmFor is a Swarm in the state in which the deed starts.
func swarmFor(t *testing.T, c deed) (*memory, *Deployer) {
	t.Helper()
	m := newMemory("manager", "worker")
	m.store("db", "db-aaaaaaaaaaaa")
	m.configs = append(m.configs, swarm.Config{ID: "record", Spec: swarm.ConfigSpec{Data: []byte(`{"db":"db-aaaaaaaaaaaa"}`),
		Annotations: swarm.Annotations{Name: "averazure-secrets-1", Labels: map[string]string{labelVersions: "1"}}}})
	d := newDeployer(t, m)
	d.Settings.Outage, d.Settings.Poll = time.Second, 50*time.Millisecond
	expect(t, deploys(d, oldSpecs()), Runs, 1)
	if c.two {
		expect(t, deploys(d, newSpecs("run:2")), Runs, 2)
	}
	if c.hand != nil {
		c.hand(t, m)
	}
	return m, d
}

// isWhole lets an agent heal the Swarm, and then checks the result.
func isWhole(t *testing.T, m *memory, c deed) {
	t.Helper()
	d := newDeployer(t, m)
	d.Settings.Outage = time.Second
	d.Alive = func(run string) bool { return run == d.run } // the interrupted run is dead
	for range 2 {
		if got := d.Reconcile(t.Context(), stack); got.Outcome != Runs {
			t.Fatalf("not healed: %+v", got)
		}
	}
	if got := runningImages(m); !slices.ContainsFunc(c.may, func(may map[string]string) bool { return maps.Equal(may, got) }) {
		t.Errorf("runs %v", got)
	}
	status, err := d.Status(t.Context(), stack)
	if err != nil || status.Deploying != nil || len(status.Differences) > 0 {
		t.Errorf("%v; deploying %v, differences %v", err, status.Deploying, status.Differences)
	}
	if status.Release == nil && (len(m.services) > 0 || len(m.networks) > 0) {
		t.Errorf("no release, and %d services, %d networks", len(m.services), len(m.networks))
	}
	if want := 2; len(m.services) > 0 && len(m.networks) != want {
		t.Errorf("%d networks, want %d", len(m.networks), want)
	}
	// The next run can deploy.
	if got := deploys(d, newSpecs("run:3")); got.Outcome != Runs {
		t.Errorf("the next deployment: %+v", got)
	}
}

// at calls do at the question of that number.
func at(n int, do func(method string) error) func(string) error {
	count := 0
	return func(method string) error {
		if count++; count == n {
			return do(method)
		}
		return nil
	}
}

var errBroken = errors.New("connection reset by peer")

// eachQuestion runs a test once for every question that a deed asks undisturbed. With
// -short, as under the race detector, it uses only every fifth question, since the race
// detector makes the test five times as slow.
func eachQuestion(t *testing.T, hook func(*memory, func(string) error), body func(*testing.T, deed, int)) {
	for _, c := range deeds() {
		questions := 0
		virtual(t, c.name, func(t *testing.T) {
			m, d := swarmFor(t, c)
			hook(m, func(string) error { questions++; return nil })
			got := c.do(t.Context(), d)
			hook(m, nil)
			if got.Outcome != c.clean {
				t.Fatalf("undisturbed: %+v", got)
			}
			isWhole(t, m, c)
		})
		step := 1
		if testing.Short() {
			step = 5
		}
		for n := 1; n <= questions; n += step {
			virtual(t, fmt.Sprintf("%s/%d", c.name, n), func(t *testing.T) { body(t, c, n) })
		}
	}
}

func before(m *memory, do func(string) error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.before = do
}

func after(m *memory, do func(string) error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.after = do
}

// SIGKILL: from one question on, no question reaches Docker.
func TestKilledAtEachQuestion(t *testing.T) {
	eachQuestion(t, before, func(t *testing.T, c deed, n int) {
		m, d := swarmFor(t, c)
		dead := false
		before(m, func(method string) error {
			if n--; n <= 0 {
				dead = true
				return errBroken
			}
			return nil
		})
		c.do(t.Context(), d)
		if !dead {
			t.Fatal("it was over before")
		}
		before(m, nil)
		isWhole(t, m, c)
	})
}

// SIGTERM: the context ends.
func TestStoppedAtEachQuestion(t *testing.T) {
	eachQuestion(t, before, func(t *testing.T, c deed, n int) {
		m, d := swarmFor(t, c)
		ctx, stop := context.WithCancel(t.Context())
		before(m, at(n, func(string) error { stop(); return context.Canceled }))
		got := c.do(ctx, d)
		before(m, nil)
		if got.Verdict == "" {
			t.Errorf("no word: %+v", got)
		}
		isWhole(t, m, c)
	})
}

// A question that gets no answer once is asked again.
func TestBrokenConnectionAtEachQuestion(t *testing.T) {
	eachQuestion(t, before, func(t *testing.T, c deed, n int) {
		m, d := swarmFor(t, c)
		asked := ""
		before(m, at(n, func(method string) error { asked = method; return errBroken }))
		got := c.do(t.Context(), d)
		before(m, nil)
		if got.Outcome != c.clean {
			t.Errorf("%s: %+v", asked, got)
		}
		isWhole(t, m, c)
	})
}

// A change whose answer got lost was still made. It is asked for again, too.
func TestLostAnswerAtEachChange(t *testing.T) {
	eachQuestion(t, after, func(t *testing.T, c deed, n int) {
		m, d := swarmFor(t, c)
		asked := ""
		after(m, at(n, func(method string) error { asked = method; return errBroken }))
		got := c.do(t.Context(), d)
		after(m, nil)
		if got.Outcome != c.clean {
			t.Errorf("%s: %+v", asked, got)
		}
		isWhole(t, m, c)
	})
}
