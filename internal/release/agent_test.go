package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/swarm"
)

// journal collects what an agent says.
type journal struct {
	mutex sync.Mutex
	lines []string
}

func (j *journal) say(format string, args ...any) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) has(text string) int {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	count := 0
	for _, line := range j.lines {
		count += strings.Count(line, text)
	}
	return count
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after 10 s: %s", what)
		}
	}
}

// watches runs an agent for the length of the test.
func watches(t *testing.T, d *Deployer) *journal {
	t.Helper()
	j := &journal{}
	d.Say = j.say
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Agent(ctx, func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return j
}

// The agent is started before its node is in the Swarm: it says that it lives, and
// begins when the node is a manager.
func TestAgentWaitsForTheSwarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		expect(t, deploys(newDeployer(t, m), specsOf(service("api", "run:1"))), Runs, 1)
		m.outside = true
		d := newDeployer(t, m)
		d.node = "" // as in a new process
		j := watches(t, d)
		eventually(t, "it says what it waits for", func() bool { return j.has("(inactive") == 1 })
		m.mutex.Lock()
		m.outside = false
		m.mutex.Unlock()
		eventually(t, "it watches", func() bool { return j.has("agent: ") == 1 })
		byHand(m, "shop_api", scaled(5))
		eventually(t, "two replicas again", func() bool { return replicasOf(m, "shop_api") == 2 })
	})
}

func TestAgentHealsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		j := watches(t, newDeployer(t, m))
		byHand(m, "shop_api", scaled(5))
		eventually(t, "two replicas again", func() bool { return replicasOf(m, "shop_api") == 2 })
		eventually(t, "a line about it", func() bool { return j.has(journalHealed) == 1 })
	})
}

// A stream of events that breaks, as when Docker restarts, is taken up again, and what
// happened meanwhile is healed long before the next full comparison.
func TestAgentListensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		watches(t, newDeployer(t, m))
		time.Sleep(time.Second)
		for range 2 {
			m.mutex.Lock()
			breaks := m.breaks
			m.events = make(chan events.Message, 1000) // a new stream has nothing of the old one
			m.mutex.Unlock()
			breaks <- errBroken
			byHand(m, "shop_api", scaled(5))
			time.Sleep(5 * time.Second)
			if got := replicasOf(m, "shop_api"); got != 2 {
				t.Fatalf("5 s after the stream broke there are %d replicas", got)
			}
		}
	})
}

func TestAgentOfAManagerThatDoesNotLeadOnlyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager-1", "manager-2")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		other := newDeployer(t, m)
		other.node, other.Host = "id-manager-2", "manager-2"
		j := watches(t, other)
		byHand(m, "shop_api", scaled(5))
		time.Sleep(2 * gather) // nothing to wait for: it must not act
		if replicasOf(m, "shop_api") != 5 {
			t.Fatal("a manager healed that does not lead")
		}
		m.mutex.Lock()
		m.nodes[0].ManagerStatus.Leader, m.nodes[1].ManagerStatus.Leader = false, true
		m.tell("node")
		m.mutex.Unlock()
		eventually(t, "the new leader healed", func() bool { return replicasOf(m, "shop_api") == 2 && j.has("manager-2 "+journalLeads) == 1 })
	})
}

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

// The same thing three times is a fight only where each follows soon on the end of the
// one before, however long healing itself takes.
func TestWhatIsAFight(t *testing.T) {
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

// Two stacks do not block each other: one that does not come up, and is tried for
// long, keeps nobody from being healed.
func TestAgentHealsAStackWhileAnotherDoesNotComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		expect(t, deploysAs(d, "store", specsOf(serviceOf("store", "db", "run:2"))), Runs, 1)
		d = newDeployer(t, m)
		d.Settings.Converge, d.Settings.Patience = time.Hour, time.Hour
		m.mutex.Lock()
		m.dropped = "run:1"
		m.mutex.Unlock()
		watches(t, d)
		for _, name := range []string{"shop_api", "store_db"} {
			byHand(m, name, env("LEVEL=debug"))
			eventually(t, name+" is put back", func() bool { return len(envOf(m, name)) == 0 })
		}
	})
}

// Only what comes back again and again is a fight; three things that somebody tried
// once each are not.
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

// A pause keeps the agent from everything, tasks that wait for a node included.
func TestAgentForcesNothingWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		if err := d.Pause(t.Context(), stack, time.Hour, "for the test"); err != nil {
			t.Fatal(err)
		}
		a := newAgent(d)
		a.waiting["shop_api"] = d.now().Add(-time.Hour)
		m.dropped, m.tasks = "run", nil
		state, err := d.state(t.Context(), stack)
		for range 3 { // time passes
			state, err = d.state(t.Context(), stack)
		}
		if err != nil || newScene(state.Nodes, state.Tasks).judge(state.Services[0], false).condition != isHomeless {
			t.Fatalf("the service is not homeless: %v", err)
		}
		a.round(t.Context(), func() {})
		if n := m.updates["shop_api"]; n != 0 {
			t.Errorf("forced %d times", n)
		}
		if err := d.Resume(t.Context(), stack); err != nil {
			t.Fatal(err)
		}
		a.round(t.Context(), func() {})
		if n := m.updates["shop_api"]; n != 1 {
			t.Errorf("forced %d times after the pause", n)
		}
	})
}

// A drained node does not belong to a stack: one stack puts it back, not all at once.
func TestOneStackSeesToTheNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		for _, name := range []string{"a", "b"} {
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1"))), Runs, 1)
		}
		if err := d.Pause(t.Context(), "a", time.Hour, "for the test"); err != nil {
			t.Fatal(err)
		}
		m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityDrain
		a := newAgent(d)
		a.round(t.Context(), func() {})
		if one := <-a.done; one.stack != "b" || one.result.Outcome != Runs {
			t.Errorf("%s: %s", one.stack, one.result.Verdict)
		}
		if err := d.Resume(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		a = newAgent(d)
		m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityDrain
		a.round(t.Context(), func() {})
		if one := <-a.done; one.stack != "a" || a.stacks["b"].busy {
			t.Errorf("%s sees to the node, b as well: %t", one.stack, a.stacks["b"].busy)
		}
	})
}

// While a stack is deployed, whose deployment may have set a node aside, no other stack has
// the node put back.
func TestNodesAreLeftToADeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		for _, name := range []string{"a", "b"} {
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1"))), Runs, 1)
		}
		d.change(t.Context(), "a", 0, func(ctx context.Context, w *work) Result {
			m.node(t, "worker").Spec.Availability = swarm.NodeAvailabilityPause
			a := newAgent(d)
			a.round(ctx, func() {})
			if a.healing("a").busy || a.healing("b").busy {
				t.Error("the agent sees to the node")
			}
			if got := d.Reconcile(ctx, "b"); got.Outcome != Runs || m.node(t, "worker").Spec.Availability != swarm.NodeAvailabilityPause {
				t.Errorf("the node is taken from the deployment: %s", got.Verdict)
			}
			return Result{Outcome: Runs}
		})
		if got := d.Reconcile(t.Context(), "b"); got.Outcome != Runs || m.node(t, "worker").Spec.Availability != swarm.NodeAvailabilityActive {
			t.Errorf("the node is not put back afterwards: %s", got.Verdict)
		}
	})
}

// A round asks Docker as often for a hundred stacks as for one, and reads only
// releases that it does not know.
func TestRoundAsksOnceForAllStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, calls := newMemory("manager"), 0
		d := newDeployer(t, m)
		for i := range 20 {
			name := fmt.Sprintf("stack%d", i)
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1"))), Runs, 1)
		}
		a := newAgent(d)
		a.round(t.Context(), func() {})
		read := maps.Clone(a.read)
		m.before = func(string) error { calls++; return nil }
		a.round(t.Context(), func() {})
		if calls != 9 { // the nodes twice, the configs three times, services, tasks, networks, secrets
			t.Errorf("%d calls", calls)
		}
		if len(read) != 20 || !maps.Equal(read, a.read) {
			t.Errorf("%d releases were read, then others", len(read))
		}
	})
}

// A secret that is gone, and a node that is down, the agent can only say: once each, and
// again when it comes back.
func TestAgentSaysWhatItCannotPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, j := newMemory("manager", "worker"), &journal{}
		m.store("db", "db-aaaaaaaaaaaa")
		d := newDeployer(t, m)
		for _, name := range []string{"a", "b"} {
			expect(t, deploysAs(d, name, specsOf(serviceOf(name, "api", "run:1", secret("db")))), Runs, 1)
		}
		d.Say = j.say
		a := newAgent(d)
		rounds := func(missing, down int) {
			t.Helper()
			for range 3 {
				a.round(t.Context(), func() {})
				a.finish()
			}
			if j.has("secret db: missing") != missing || j.has("node worker: down") != down {
				t.Errorf("said %d and %d times, want %d and %d", j.has("secret db: missing"), j.has("node worker: down"), missing, down)
			}
		}
		rounds(0, 0)
		secrets := m.secrets
		m.secrets, m.node(t, "worker").Status.State = nil, swarm.NodeStateDown
		rounds(1, 1)
		m.secrets = secrets
		rounds(1, 1)
		m.secrets = nil
		rounds(2, 1)
	})
}

// What happens to a container on one node does not change the Swarm.
func TestAgentListensToTheSwarmOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		watches(t, newDeployer(t, m))
		eventually(t, "it listens", func() bool {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			return slices.Equal(m.listened.Get("scope"), []string{"swarm"})
		})
	})
}

// BenchmarkRound is a minute's work of the agent: a hundred services compared with
// their release.
func BenchmarkRound(b *testing.B) {
	m := newMemory("manager", "worker")
	d := &Deployer{Swarm: m, Settings: quick(), Host: "manager", Alive: func(string) bool { return true }}
	d.node, d.run = m.me, "bench"
	var all []swarm.ServiceSpec
	for i := range 100 {
		all = append(all, service(fmt.Sprintf("api%d", i), "run:1", failure("rollback"), restart("any"), env("LEVEL=info")))
	}
	if result := deploys(d, specsOf(all...)); result.Outcome != Runs {
		b.Fatal(result.Verdict)
	}
	a := newAgent(d)
	for b.Loop() {
		a.round(context.Background(), func() {})
	}
}

// Deployments that die leave the same half done again and again. Nobody fights the
// agent, so it goes on putting the release back.
func TestDeadDeploymentsAreNoFight(t *testing.T) {
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

// What died and cannot be put back is tried as often as any difference, and then left alone
// for a while.
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

// A task that lacks memory or a node of its own waits, and what runs of the service runs
// on: scheduled again, all tasks would restart, and the task still lack it.
func TestWhatRunsIsNotForcedForWhatIsLacking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		live := m.services[0]
		task := func(slot int, state swarm.TaskState, words string) swarm.Task {
			return swarm.Task{ServiceID: live.ID, Slot: slot, NodeID: "id-worker", Spec: live.Spec.TaskTemplate, DesiredState: swarm.TaskStateRunning,
				Status: swarm.TaskStatus{State: state, Err: words}}
		}
		const full, away = "no suitable node (max replicas per node limit exceed; 1 node not available for new tasks)", "no suitable node (1 node not available for new tasks)"
		const alone = "no suitable node (max replicas per node limit exceed)"
		lost := slices.Clone(m.nodes)
		lost[0].Status.State = swarm.NodeStateDown
		for name, c := range map[string]struct {
			nodes  []swarm.Node
			tasks  []swarm.Task
			forced int
		}{
			"one runs, the other lacks a node of its own": {lost, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, full)}, 0},
			"no node is away":                   {m.nodes, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, alone)}, 0},
			"none runs":                         {lost, []swarm.Task{task(1, swarm.TaskStatePending, full), task(2, swarm.TaskStatePending, full)}, 1},
			"one runs, the other lacks nothing": {m.nodes, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, away)}, 1},
			// Swarm says anew what a task waits for when a node is back; here it has forgotten the task.
			"the node that was away is back": {m.nodes, []swarm.Task{task(1, swarm.TaskStateRunning, ""), task(2, swarm.TaskStatePending, full)}, 1},
		} {
			m.updates = map[string]int{}
			a := newAgent(d)
			a.waiting["shop_api"] = d.now().Add(-time.Hour)
			a.schedule(t.Context(), stack, State{Nodes: c.nodes, Tasks: c.tasks, Services: []swarm.Service{live}})
			if n := m.updates["shop_api"]; n != c.forced {
				t.Errorf("%s: forced %d times", name, n)
			}
		}
	})
}
