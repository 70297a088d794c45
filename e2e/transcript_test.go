package e2e

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"
)

// transcript is what a run printed, with the time of each line.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ends  []int // where in the text each line ends
	times []time.Time

	said    time.Time     // when something was last printed
	longest time.Duration // the longest time without output
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.said.IsZero() {
		t.longest = max(t.longest, now.Sub(t.said))
	}
	t.said = now
	for i, b := range p {
		if b == '\n' {
			t.ends, t.times = append(t.ends, t.text.Len()+i), append(t.times, now)
		}
	}
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// at is the time of the first line with that beginning; zero if there is none.
func (t *transcript) at(prefix string) time.Time {
	text, begin := t.String(), 0
	for i, end := range t.ends {
		if strings.HasPrefix(text[begin:end], prefix) {
			return t.times[i]
		}
		begin = end + 1
	}
	return time.Time{}
}

// when is the time of the first line that contains all the texts; zero if there is none.
func (t *transcript) when(texts ...string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, begin := t.text.String(), 0
	for i, end := range t.ends {
		if !slices.ContainsFunc(texts, func(part string) bool { return !strings.Contains(text[begin:end], part) }) {
			return t.times[i]
		}
		begin = end + 1
	}
	return time.Time{}
}

// last is the time of the last line.
func (t *transcript) last() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.times[len(t.times)-1]
}
