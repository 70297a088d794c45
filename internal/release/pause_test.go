package release

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
)

// A pause that begins during a deployment or a removal leaves nothing half done, nor does a
// pause that ends during healing.
func TestPauseThatEndsMeanwhile(t *testing.T) {
	virtual(t, "pause", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		byHand(m, "shop_api", scaled(5))
		if err := d.Pause(t.Context(), stack, 2*time.Second, "for the test"); err != nil {
			t.Fatal(err)
		}
		watches(t, d)
		time.Sleep(time.Second)
		if got := replicasOf(m, "shop_api"); got != 5 {
			t.Errorf("%d replicas while it is paused", got)
		}
		time.Sleep(comparePause + 2*time.Second)
		if got := replicasOf(m, "shop_api"); got != 2 {
			t.Errorf("%d replicas after the pause", got)
		}
	})
}

// A new pause replaces the old one at once. If the new one cannot be made, the old one goes
// on.
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
