package release

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pulse records when an agent reports that it is alive.
type pulse struct {
	mutex   sync.Mutex
	beats   int
	last    time.Time
	longest time.Duration // the longest time between two reports
}

func (p *pulse) beat() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.beats > 0 {
		p.longest = max(p.longest, time.Since(p.last))
	}
	p.beats, p.last = p.beats+1, time.Now()
}

func (p *pulse) read() (beats int, longest time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.beats, p.longest
}

// The watchdog of systemd ends an agent that no longer reports that it is alive. So the
// agent must report it while all is well, even with nothing to do, and must not report it
// from a goroutine beside a loop that hangs.
func TestAgentThatHangsSaysNoLongerThatItIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		expect(t, deploys(newDeployer(t, m), specsOf(service("api", "run:1"))), Runs, 1)
		var hangs atomic.Bool
		goOn := make(chan struct{})
		m.before = func(string) error { // does not return when the context ends
			if hangs.Load() {
				<-goOn
			}
			return nil
		}
		d, p := newDeployer(t, m), &pulse{}
		d.Say = (&journal{}).say
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Agent(ctx, p.beat) }()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if beats, longest := p.read(); beats == 0 || longest > 30*time.Second {
			t.Errorf("in 10 calm minutes it says %d times that it is alive, once not for %s", beats, longest)
		}
		hangs.Store(true)
		time.Sleep(2 * yieldPause) // by then the agent asks something
		before, _ := p.read()
		time.Sleep(10 * time.Minute)
		if after, _ := p.read(); after != before {
			t.Errorf("while it hangs it says %d times that it is alive", after-before)
		}
		hangs.Store(false)
		close(goOn)
		time.Sleep(time.Minute)
		if after, _ := p.read(); after == before {
			t.Error("it does not go on")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
