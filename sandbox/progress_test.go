package main

import (
	"strings"
	"testing"
	"time"
)

// The current step is named at least every 15 s.
func TestALongStepIsNamedAgain(t *testing.T) {
	progress("building %s", "something")
	for waiting, want := range map[string]string{"": "building something", "aver-image": "aver-image"} {
		said.named = said.at
		said.waiting = func(time.Time) string { return waiting }
		last := 0
		for second := range 61 {
			line := stillAt(said.at.Add(time.Duration(second) * time.Second))
			if second-last > 15 {
				t.Fatalf("nothing is said from %d s to %d s", last, second)
			}
			if line == "" {
				continue
			}
			if last = second; !strings.Contains(line, want) || second < 10 {
				t.Errorf("said after %d s was %q", second, line)
			}
		}
	}
	said.waiting = nil
	progress("the next step")
	if line := stillAt(said.at.Add(5 * time.Second)); line != "" {
		t.Errorf("a new step is named at once: %q", line)
	}
}
