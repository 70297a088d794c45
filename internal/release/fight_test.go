package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

func TestAgentDoesNotFight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		j := watches(t, newDeployer(t, m))
		for range fightHeals {
			byHand(m, "shop_api", scaled(5))
			eventually(t, "healed", func() bool { return replicasOf(m, "shop_api") == 2 })
			eventually(t, "the claim is gone", func() bool { h, err := d.Holders(t.Context()); return err == nil && len(h) == 0 })
		}
		eventually(t, "it says so", func() bool { return j.has(journalHealsInVain) == 1 })
		byHand(m, "shop_api", scaled(5))
		time.Sleep(2 * gather) // nothing to wait for: it must not act
		if replicasOf(m, "shop_api") != 5 {
			t.Error("the agent goes on fighting")
		}
	})
}

// Three heals of the same difference count as a fight only if each one begins soon after
// the one before ended, however long healing itself takes.
func TestFightsAreRecognised(t *testing.T) {
	for name, c := range map[string]struct {
		pause, takes time.Duration
		fight        bool
	}{
		"soon":               {fightWindow, 0, true},
		"soon, and slowly":   {fightWindow + time.Hour, time.Hour, true},
		"now and then":       {fightWindow + time.Second, 0, false},
		"slowly, and seldom": {2*fightWindow + time.Hour, time.Hour, false},
	} {
		virtual(t, name, func(t *testing.T) {
			a := newAgent(newDeployer(t, newMemory("manager")))
			h := a.healing(stack)
			for range fightHeals {
				time.Sleep(c.pause)
				a.note(healed{stack, []string{"field shop_api"}, Result{Outcome: Runs, Seconds: c.takes.Seconds()}})
			}
			if fight := a.now().Before(h.until); fight != c.fight {
				t.Errorf("a fight: %t", fight)
			}
		})
	}
}

// Only a difference that keeps coming back is a fight. Three different changes, each made
// once, are not.
func TestAgentHealsOneChangeAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		names := []string{"a", "b", "c"}
		var all []swarm.ServiceSpec
		for _, name := range names {
			all = append(all, service(name, "run:1"))
		}
		expect(t, deploys(d, specsOf(all...)), Runs, 1)
		j := watches(t, newDeployer(t, m))
		for i, name := range names {
			byHand(m, "shop_"+name, scaled(5))
			eventually(t, "healed", func() bool { return replicasOf(m, "shop_"+name) == 2 && j.has(journalHealed) == i+1 })
		}
		if j.has(journalHealsInVain) > 0 {
			t.Error("the agent gave up")
		}
	})
}

// Deployments that die leave the same half done again and again. Nobody fights the
// agent, so it goes on putting the release back.
func TestDeadDeploymentsAreNotAFight(t *testing.T) {
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	died := newDeployer(t, m)
	d.Alive = func(string) bool { return false }
	a := newAgent(d)
	for i := range fightHeals + 2 {
		died.node, died.run = d.node, fmt.Sprintf("1-%d", i)
		if c, _, err := died.tryClaim(t.Context(), stack); c == nil || err != nil {
			t.Fatalf("no claim: %v", err)
		}
		byHand(m, "shop_api", scaled(5))
		a.round(t.Context(), func() {})
		a.finish()
		if got := replicasOf(m, "shop_api"); got == 5 {
			t.Fatalf("not healed after deployment %d died", i+1)
		}
	}
}

// A dead deployment that cannot be put back is tried as often as any difference, and then
// left alone for a while.
func TestADeadDeploymentThatCannotBePutBackIsLeftAlone(t *testing.T) {
	for name, differs := range map[string]bool{"something differs": true, "nothing differs": false} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "manager-2")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			holds(t, m, "manager-2", func(labels map[string]string) { labels[labelUntil] = "1" })
			if differs {
				byHand(m, "shop_api", scaled(5))
			}
			tried := 0
			m.before = func(method string) error {
				if method == "ServiceUpdate" || method == "NetworkList" && slices.ContainsFunc(m.configs, func(c swarm.Config) bool { return c.Spec.Labels[labelRun] == d.run }) {
					return errors.New("no")
				}
				return nil
			}
			d.Say = func(format string, _ ...any) {
				if strings.HasPrefix(format, journalNotHealed) {
					tried++
				}
			}
			a := newAgent(d)
			for range fightHeals + 3 {
				a.round(t.Context(), func() {})
				a.finish()
			}
			if tried != fightHeals {
				t.Errorf("tried %d times, not %d", tried, fightHeals)
			}
		})
	}
}
