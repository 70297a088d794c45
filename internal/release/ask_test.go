package release

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Each question has a time limit: if Docker accepts the connection and does not answer, it
// is asked again.
func TestQuestionThatHangsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Settings.Outage = 10 * d.Settings.Call
		m.hangs = []string{"NodeList", "NodeUpdate"}
		began := time.Now()
		go func() {
			time.Sleep(d.Settings.Call / 2)
			m.mutex.Lock()
			defer m.mutex.Unlock()
			m.hangs = []string{"NodeUpdate"}
		}()
		nodes, err := d.nodes(context.Background())
		if took := time.Since(began); err != nil || len(nodes) != 1 || took > 2*d.Settings.Call {
			t.Errorf("%d nodes after %s: %v", len(nodes), took, err)
		}
		began = time.Now()
		if _, err := d.specify(context.Background(), nodes[0], nodes[0].Spec); err == nil || time.Since(began) > d.Settings.Call {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestSomebodyElseChangesTheServiceMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		times := 0
		m.before = func(method string) error {
			if method == "ServiceUpdate" && times < 2 {
				times++
				m.services[0].Version = m.next()
			}
			return nil
		}
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
	})
}

func TestDockerThatIsAwayForAMomentIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Settings.Outage = time.Second
		fails := 3
		m.before = func(string) error {
			if fails--; fails >= 0 {
				return errors.New("connection refused")
			}
			return nil
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	})
}

func TestDockerThatStaysAwayIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		m.before = func(string) error { return errors.New("connection refused") }
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Failed, 0, "claim")
	})
}
