package release

import (
	"testing"
	"testing/synctest"
	"time"
)

// A look takes one call per network, each minute, and no more if nothing is lost.
func TestLookAtNamesIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		calls := map[string]int{}
		o.before = func(method string) error { calls[method]++; return nil }
		newAgent(o.on(t, "manager")).eachMinute(t.Context(), func() {})
		if len(calls) != 4 || calls["NetworkInspect"] != 1 || calls["ServiceList"] != 1 || calls["NodeList"] != 1 || calls["TaskList"] != 1 {
			t.Errorf("calls %v", calls)
		}
	})
}

// Even if each answer takes as long as allowed, systemd gets a sign of life between two
// answers.
func TestTheWatchdogHearsBetweenSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		o.forget("shop_api", 0)
		d := o.on(t, "manager")
		a := newAgent(d)
		looks(t, a, 1)
		d.Settings.Call = time.Hour
		o.before = func(method string) error {
			if method == "ServiceList" || method == "ConfigList" {
				time.Sleep(100 * time.Second)
			}
			return nil
		}
		last, longest := time.Now(), time.Duration(0)
		alive := func() { last, longest = time.Now(), max(longest, time.Since(last)) }
		a.eachMinute(t.Context(), alive)
		alive()
		if longest > 150*time.Second {
			t.Errorf("silent for %s", longest)
		}
		a.finish()
	})
}
