package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answerWatch asks a page over and over, as its users do.
type answerWatch struct {
	quit  chan struct{}
	done  chan seen
	users int
}

// seen is what an answerWatch saw.
type seen struct {
	asked, failed int
	gap           time.Duration // the longest between two answers to the same user
	last          time.Duration // from the beginning to the end of the last failure
	misses        []miss        // the failures
	why           string        // the first failure
}

// miss is a request that failed.
type miss struct{ asked, ended time.Time }

// outside are the failures that do not overlap with the given period.
func (s seen) outside(from, to time.Time) (others []miss) {
	for _, m := range s.misses {
		if m.ended.Before(from) || m.asked.After(to) {
			others = append(others, m)
		}
	}
	return others
}

func (s seen) String() string {
	text := fmt.Sprintf("%d of %d requests failed, the longest time without an answer was %s", s.failed, s.asked, s.gap.Round(time.Second/10))
	if s.failed > 0 {
		text += "; the first failed with " + s.why
	}
	return text
}

// and combines what two users saw.
func (s seen) and(other seen) seen {
	return seen{s.asked + other.asked, s.failed + other.failed, max(s.gap, other.gap), max(s.last, other.last),
		append(s.misses, other.misses...), cmp.Or(s.why, other.why)}
}

// err fails unless every request was answered.
func (s seen) err() error {
	if s.failed > 0 || s.asked == 0 {
		return errors.New(s.String())
	}
	return nil
}

// users is how many clients ask at the same time, each on its own connection, which stays
// open.
const users = 4

// watchAnswers asks as several users do.
func watchAnswers(url string) *answerWatch { return watchAt("", url) }

// watchAt asks at a node's address, wherever the page's name leads.
func watchAt(address, url string) *answerWatch {
	w := newWatch()
	for range users {
		client := box.visitor()
		client.Timeout = 10 * time.Second
		if address != "" {
			leadTo(client, address)
		}
		w.ask(client, url, 200*time.Millisecond)
	}
	return w
}

// watchWith asks with one client, at the given interval.
func watchWith(client *http.Client, url string, every time.Duration) *answerWatch {
	w := newWatch()
	w.ask(client, url, every)
	return w
}

func newWatch() *answerWatch {
	return &answerWatch{quit: make(chan struct{}), done: make(chan seen)}
}

// ask is one more user.
func (w *answerWatch) ask(client *http.Client, url string, every time.Duration) {
	w.users++
	go func() {
		defer client.CloseIdleConnections()
		var s seen
		began := time.Now()
		good := began
		tick := time.NewTicker(every)
		defer tick.Stop()
		for { // at least once, however quick it is
			s.asked++
			asked := time.Now()
			status, _, err := fetch(client, url)
			now := time.Now()
			if err != nil || status != http.StatusOK {
				s.failed++
				s.last = now.Sub(began)
				s.misses = append(s.misses, miss{asked, now})
				s.why = cmp.Or(s.why, fmt.Sprintf("status %d, %v, after %s", status, err, s.last.Round(time.Second/10)))
			} else {
				s.gap = max(s.gap, now.Sub(good))
				good = now
			}
			select {
			case <-w.quit:
				s.gap = max(s.gap, time.Since(good))
				w.done <- s
				return
			case <-tick.C:
			}
		}
	}()
}

func (w *answerWatch) stop() seen {
	close(w.quit)
	var s seen
	for range w.users {
		s = s.and(<-w.done)
	}
	return s
}

// threeEdges makes every manager run an edge until the test ends: while a single edge
// moves, no requests are served.
func (f *field) threeEdges(t *testing.T) {
	t.Helper()
	const edge = "      placement:\n        constraints:\n          - node.role == manager\n"
	file := strings.Replace(f.file, "      replicas: 1\n"+edge, "      replicas: 3\n"+edge, 1)
	if file == f.file {
		t.Fatal("the stack file has no edge as this test knows it")
	}
	t.Cleanup(func() {
		if err := f.push(context.Background(), first, f.file, "runs", 3*time.Minute); err != nil {
			t.Error(err)
		}
	})
	if err := f.push(t.Context(), first, file, "runs", 3*time.Minute); err != nil {
		t.Fatal(err)
	}
}

// askManagers asks the API at the own address of each of the three managers.
func (f *field) askManagers(t *testing.T) (stop func() map[string]seen) {
	t.Helper()
	watches := map[string]*answerWatch{}
	for _, name := range managers {
		n, err := f.node(name)
		if err != nil {
			t.Fatal(err)
		}
		watches[name] = watchAt(n.PublicAddress, f.outputs.APIURL)
	}
	return func() map[string]seen {
		answers := map[string]seen{}
		for name, watch := range watches {
			answers[name] = watch.stop()
		}
		return answers
	}
}

// stepTimes is the period of one step of a run: from the first line with all texts of its
// beginning to the first line with the text of its end. Five seconds are added, because the
// ports that are published on a node follow a moment after its Docker.
func stepTimes(t *testing.T, said *transcript, begin []string, end string) (from, to time.Time) {
	t.Helper()
	from, to = said.when(begin...), said.when(end)
	if from.IsZero() || to.IsZero() {
		t.Fatalf("the run does not have %q and %q:\n%s", begin, end, said)
	}
	return from, to.Add(5 * time.Second)
}

// mustMissOnlyIts fails for each request that failed at a node outside the period in which
// the run worked on this node.
func mustMissOnlyIts(t *testing.T, node string, s seen, from, to time.Time) {
	t.Helper()
	t.Logf("at %s: %s; its own turn was from %s to %s", node, s, from.Format(time.TimeOnly), to.Format(time.TimeOnly))
	for _, m := range s.outside(from, to) {
		t.Errorf("at %s a request failed from %s to %s", node, m.asked.Format(time.TimeOnly), m.ended.Format(time.TimeOnly))
	}
}
