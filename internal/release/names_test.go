package release

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/network"
)

// looks makes an agent look at the names that many times, a minute apart, and waits for the
// healing.
func looks(t *testing.T, a *agent, times int) {
	t.Helper()
	for range times {
		a.eachMinute(t.Context(), func() {})
		a.finish()
		time.Sleep(comparePause)
	}
}

func TestLostNameIsHealed(t *testing.T) {
	for name, keep := range map[string]int{"the whole service": 0, "one task of two": 1} {
		virtual(t, name, func(t *testing.T) {
			o := deployNamed(t, "manager", "worker")
			o.forget("shop_api", keep)
			d := o.on(t, "manager")
			status, err := d.Status(t.Context(), stack)
			if err != nil || status.InSync || !status.Healthy || len(status.Differences) != 1 || status.Differences[0].Code != CodeNameMissing || status.Differences[0].Name != "shop_api" {
				t.Errorf("%v: %+v", err, status.Differences)
			}
			a := newAgent(d)
			looks(t, a, 1)
			if n := o.forced("shop_api"); n != 0 {
				t.Fatalf("forced %d times at the first look", n)
			}
			looks(t, a, 4)
			if api, db := o.forced("shop_api"), o.forced("shop_db"); api != 1 || db != 0 {
				t.Errorf("forced api %d times and db %d times", api, db)
			}
			if status, err = d.Status(t.Context(), stack); err != nil || !status.InSync || status.Release.Number != 1 {
				t.Errorf("%v: release %d, %+v", err, status.Release.Number, status.Differences)
			}
		})
	}
}

// A loss affects one node only. A manager that is not the leader sees it on its own node,
// and heals it.
func TestLostNameIsHealedByAManagerThatDoesNotLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := lostOnTwoManagers(t)
		other := newAgent(o.on(t, "manager-2"))
		leader := newAgent(newDeployer(t, o.memory))
		for range 4 {
			looks(t, leader, 1)
			looks(t, other, 1)
		}
		if n := o.forced("shop_api"); n != 1 {
			t.Errorf("forced %d times", n)
		}
	})
}

// Two managers miss the same name. Only one of them restarts the tasks.
func TestLostNameIsHealedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := lostOnTwoManagers(t)
		both := []*agent{newAgent(o.on(t, "manager-1")), newAgent(o.on(t, "manager-2"))}
		for range 4 {
			for _, a := range both {
				a.eachMinute(t.Context(), func() {})
			}
			for _, a := range both {
				a.finish()
			}
			time.Sleep(comparePause)
		}
		if n := o.forced("shop_api"); n != 1 {
			t.Errorf("forced %d times", n)
		}
	})
}

func TestNameIsLeftAlone(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *oneNode, *Deployer) (after func()){
		"while the stack is paused": func(t *testing.T, o *oneNode, d *Deployer) func() {
			if err := d.Pause(t.Context(), stack, 24*time.Hour, "for the test"); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := d.Resume(t.Context(), stack); err != nil {
					t.Fatal(err)
				}
			}
		},
		"while a deployment runs": func(t *testing.T, o *oneNode, d *Deployer) func() {
			other := newDeployer(t, o.memory)
			other.Settings.Lease = 24 * time.Hour
			c, _, err := other.tryClaim(t.Context(), stack)
			if err != nil || c == nil {
				t.Fatalf("no claim: %v", err)
			}
			return func() { _ = o.ConfigRemove(t.Context(), c.id) }
		},
		"while Docker does not tell": func(_ *testing.T, o *oneNode, _ *Deployer) func() {
			o.broken = errors.New("EOF")
			return func() { o.broken = nil }
		},
	} {
		virtual(t, name, func(t *testing.T) {
			o := deployNamed(t, "manager", "worker")
			o.forget("shop_api", 0)
			d := o.on(t, "manager")
			after := prepare(t, o, d)
			a := newAgent(d)
			looks(t, a, 5)
			if n := o.forced("shop_api"); n != 0 {
				t.Fatalf("forced %d times", n)
			}
			after()
			looks(t, a, 2)
			if n := o.forced("shop_api"); n != 1 {
				t.Errorf("forced %d times afterwards", n)
			}
		})
	}
}

// A name that the nodes have exchanged by the next look was never lost.
func TestNameThatComesByItselfIsNotHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		a := newAgent(o.on(t, "manager"))
		for range 5 {
			o.forget("shop_api", 0)
			looks(t, a, 1)
			o.recall()
			looks(t, a, 1)
		}
		if n := o.forced("shop_api"); n != 0 {
			t.Errorf("forced %d times", n)
		}
	})
}

// If restarting the tasks does not help, the agent pauses after three times.
func TestHealingOfANameBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		o.change = func(all map[string]network.ServiceInfo) { delete(all, "shop_api") }
		j := &journal{}
		d := o.on(t, "manager")
		d.Say = j.say
		a := newAgent(d)
		looks(t, a, 5+int(backOff/comparePause))
		if n := o.forced("shop_api"); n != fightHeals || j.has(journalHealsInVain) != 1 {
			t.Errorf("forced %d times, said %d times", n, j.has(journalHealsInVain))
		}
		looks(t, a, 2)
		if n := o.forced("shop_api"); n != fightHeals+1 {
			t.Errorf("forced %d times after the pause", n)
		}
	})
}

// A stale record is reported once; restarting tasks would not remove it.
func TestRecordThatStaysBehindIsOnlyReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		o.change = func(all map[string]network.ServiceInfo) {
			info := all["shop_api"]
			info.Tasks = append(info.Tasks, network.Task{EndpointIP: "10.9.9.9"})
			all["shop_api"] = info
		}
		j := &journal{}
		d := o.on(t, "manager")
		d.Say = j.say
		looks(t, newAgent(d), 5)
		if n := o.forced("shop_api"); n != 0 || j.has("10.9.9.9") != 1 {
			t.Errorf("forced %d times, said %d times", n, j.has("10.9.9.9"))
		}
		expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
		status, err := d.Status(t.Context(), stack)
		if err != nil || !status.InSync || len(status.Differences) != 0 { // one look cannot tell
			t.Errorf("%v: %+v", err, status.Differences)
		}
	})
}

// `pulumi up` repairs what its preview shows: a deployment of the same file restores a lost
// name, and touches nothing else.
func TestDeploymentBringsALostNameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		o.forget("shop_api", 0)
		d := o.on(t, "manager")
		expect(t, deploys(d, withNet(specsOf(service("api", "run:1", joined), service("db", "run:1", joined)))), Runs, 1)
		if api, db := o.forced("shop_api"), o.forced("shop_db"); api != 1 || db != 0 {
			t.Errorf("forced api %d times and db %d times", api, db)
		}
	})
}

// For a network that is not on this node, its Docker has no records, and no names count as
// missing.
func TestNamesOfANetworkElsewhereAreNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		o.forget("shop_api", 0)
		o.elsewhere = true
		if status, err := o.on(t, "manager").Status(t.Context(), stack); err != nil || !status.InSync {
			t.Errorf("%v: %+v", err, status.Differences)
		}
	})
}

// A deployment looks twice: a service whose name is known at the second look is not
// restarted.
func TestDeploymentBelievesTwoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := deployNamed(t, "manager", "worker")
		looked := 0
		o.change = func(all map[string]network.ServiceInfo) {
			if looked++; looked == 1 {
				delete(all, "shop_api")
			}
		}
		expect(t, deploys(o.on(t, "manager"), withNet(specsOf(service("api", "run:1", joined), service("db", "run:1", joined)))), Runs, 1)
		if n := o.forced("shop_api"); n != 0 || looked != 2 {
			t.Errorf("forced %d times after %d looks", n, looked)
		}
	})
}

// The running agent finds a lost name, even on a manager that is not the leader.
func TestAgentSeesALostName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := lostOnTwoManagers(t)
		j := watches(t, o.on(t, "manager-2"))
		time.Sleep(2*comparePause + nameGrace)
		if n := o.forced("shop_api"); n != 1 || j.has(journalHealed) != 1 {
			t.Errorf("forced %d times, %d lines", n, j.has(journalHealed))
		}
	})
}
