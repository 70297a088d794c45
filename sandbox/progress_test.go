package main

import (
	"context"
	"errors"
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

// The steps run at the same time, and the heartbeat names the one that is not done.
func TestStepsRunTogether(t *testing.T) {
	fast := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := together(ctx, map[string]func(context.Context) error{
		"fast": func(context.Context) error { defer close(fast); return nil },
		"slow": func(ctx context.Context) error {
			<-fast
			for ctx.Err() == nil {
				if strings.HasPrefix(waitingFor(), "slow ") {
					return nil
				}
				time.Sleep(time.Millisecond)
			}
			return ctx.Err()
		},
	})
	if err != nil {
		t.Error(err)
	}
}

func waitingFor() string {
	said.Lock()
	defer said.Unlock()
	return said.waiting(time.Now())
}

func TestFirstErrorEndsTheOtherSteps(t *testing.T) {
	first := errors.New("no network")
	err := together(t.Context(), map[string]func(context.Context) error{
		"broken":  func(context.Context) error { return first },
		"endless": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	})
	if !errors.Is(err, first) {
		t.Errorf("the error is %v, want the first one", err)
	}
}
