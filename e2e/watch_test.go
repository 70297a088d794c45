package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// processWatch notes the command line of every process of this machine. The
// nodes share its kernel, so theirs are among them.
type processWatch struct {
	quit  chan struct{}
	lines chan []string
}

// watchProcesses looks ten times a second until stopped: often enough to meet
// every command that lasts.
func watchProcesses() *processWatch {
	w := &processWatch{quit: make(chan struct{}), lines: make(chan []string)}
	go func() {
		seen := map[string]bool{}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.quit:
				w.lines <- keys(seen)
				return
			case <-tick.C:
				noteCommandLines(seen)
			}
		}
	}()
	return w
}

func (w *processWatch) stop() []string {
	close(w.quit)
	return <-w.lines
}

func noteCommandLines(seen map[string]bool) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return
	}
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && len(raw) > 0 {
			seen[strings.ReplaceAll(string(raw), "\x00", " ")] = true
		}
	}
}

func keys(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for key := range set {
		all = append(all, key)
	}
	return all
}

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
	why           string        // the first failure
}

func (s seen) String() string {
	text := fmt.Sprintf("%d of %d requests failed, the longest time without an answer was %s", s.failed, s.asked, s.gap.Round(time.Second/10))
	if s.failed > 0 {
		text += "; the first failed with " + s.why
	}
	return text
}

// and is what two users saw.
func (s seen) and(other seen) seen {
	return seen{s.asked + other.asked, s.failed + other.failed, max(s.gap, other.gap), max(s.last, other.last), cmp.Or(s.why, other.why)}
}

// err fails unless everybody was answered each time.
func (s seen) err() error {
	if s.failed > 0 || s.asked == 0 {
		return errors.New(s.String())
	}
	return nil
}

// users is how many ask at the same time, each on a connection of its own that stays open.
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

// watchWith asks with one client, so often.
func watchWith(client *http.Client, url string, every time.Duration) *answerWatch {
	w := newWatch()
	w.ask(client, url, every)
	return w
}

func newWatch() *answerWatch {
	return &answerWatch{quit: make(chan struct{}), done: make(chan seen)}
}

// ask is one user more.
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
			status, _, err := fetch(client, url)
			now := time.Now()
			if err != nil || status != http.StatusOK {
				s.failed++
				s.last = now.Sub(began)
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
