package release

import (
	"context"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// When Docker answers slowly, each single wait ends in time, but their sum is far too long.
// The run still ends by its one deadline, and its changes are put back: by the run itself
// if there is time, otherwise by the agent.
func TestSlowDockerKeepsNoRunBeyondItsDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		answer  time.Duration // how long each answer takes
		outcome Outcome
	}{
		"back in time":     {50 * time.Millisecond, PutBack},
		"no time for that": {170 * time.Millisecond, Failed},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			m.takes = c.answer
			wanted := specsOf(service("api", "slow:2"))
			result := deploys(d, wanted)
			expect(t, result, c.outcome, 1, "late")
			limit := d.Settings.LongestOf(wanted, 2) + d.Settings.HandBack
			// The run then ends what is under way, and gives up the claim.
			if took := time.Duration(result.Seconds * float64(time.Second)); took > limit+d.Settings.Call {
				t.Errorf("the run took %s, at most %s", took, limit)
			}
			m.takes = 0
			expect(t, d.Reconcile(context.Background(), stack), Runs, 1)
			eventually(t, "the release runs again", func() bool {
				_, err := m.TaskList(t.Context(), swarm.TaskListOptions{}) // lets time pass
				return err == nil && runningImages(m)["shop_api"] == "run:1"
			})
		})
	}
}

// If Docker is too slow to prepare anything, that is a failure and not a fault of the file.
func TestNoTimeToPrepareIsNotARefusal(t *testing.T) {
	virtual(t, "late", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		before(m, func(method string) error {
			if method == "NetworkList" {
				time.Sleep(2 * d.Settings.Longest())
			}
			return nil
		})
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Failed, 0, "late")
		if len(m.services) != 0 {
			t.Error("something was touched")
		}
	})
}
