package release

import (
	"context"
	"fmt"
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

// An agent that starts before its node is in the Swarm reports that it is alive, and begins
// when the node is a manager.
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

// When the stream of events breaks, as when Docker restarts, the agent listens again. It
// heals what happened meanwhile long before the next full comparison.
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
			m.events = make(chan events.Message, 1000) // a new stream has no events from the old one
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

// The agent can only report a secret that is gone or a node that is down. It reports each
// once, and again when it comes back.
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

// Events of a container on one node do not change the Swarm, so the agent ignores them.
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
