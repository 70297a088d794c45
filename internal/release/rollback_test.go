package release

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"averazure/internal/golden"
)

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

// No file shows what a rollback removes, so it is printed. Going forward again prints which
// releases are no longer listed.
func TestRollbackAndForwardNameWhatTheyRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		deploys(d, specsOf(service("api", "run:1")))
		deploys(d, specsOf(service("api", "run:2"), service("site", "run:2")))
		var said strings.Builder
		d.Say = func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) }
		said.WriteString("back to release 1:\n")
		expect(t, d.Rollback(t.Context(), stack, 1), Runs, 3)
		said.WriteString("\nforward:\n")
		expect(t, deploys(d, specsOf(service("api", "run:3"))), Runs, 4)
		said.WriteString("\nonce more:\n")
		expect(t, deploys(d, specsOf(service("api", "run:4"))), Runs, 5)
		golden.Compare(t, "rollback.txt", said.String())
	})
}

// TestWithdrawnReleaseIsNotHealedBack even if nobody could remove it.
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
