package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

var started = time.Now()

// said is the last progress line, its time, and the time of the last output.
var said struct {
	sync.Mutex
	line      string
	at, named time.Time
	waiting   func(now time.Time) string // what the engine waits for while it runs
}

// progress prints the current step with the time since the start.
func progress(format string, args ...any) {
	said.Lock()
	defer said.Unlock()
	now := time.Now()
	said.line, said.at, said.named = fmt.Sprintf(format, args...), now, now
	fmt.Fprintf(os.Stderr, "[%4.0fs] %s\n", time.Since(started).Seconds(), said.line)
}

// silence is the longest time without output. On a busy machine it becomes up to 15 s.
const silence = 12 * time.Second

// heartbeat repeats the current step during silence, since compiling and downloading
// print nothing for minutes. The returned function stops it.
func heartbeat() (stop func()) {
	tick := time.NewTicker(time.Second)
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case <-quit:
				return
			case now := <-tick.C:
				if line := stillAt(now); line != "" {
					fmt.Fprintf(os.Stderr, "[%4.0fs] %s\n", time.Since(started).Seconds(), line)
				}
			}
		}
	}()
	return func() {
		tick.Stop()
		close(quit)
	}
}

// stillAt is the line to print about the current step, or empty.
func stillAt(now time.Time) string {
	said.Lock()
	defer said.Unlock()
	if said.line == "" || now.Sub(said.named) < silence {
		return ""
	}
	said.named = now
	if said.waiting != nil {
		if what := said.waiting(now); what != "" {
			return "... waiting for " + what
		}
	}
	return fmt.Sprintf("... still running after %.0f s: %s", now.Sub(said.at).Seconds(), said.line)
}

// together runs steps at the same time, and makes the heartbeat name those that are not
// done. The first error cancels the others, and is returned when they have stopped.
func together(ctx context.Context, steps map[string]func(context.Context) error) error {
	var mu sync.Mutex
	open, began := maps.Clone(steps), time.Now()
	defer nameWaits(func(now time.Time) string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%s (%.0f s)", strings.Join(slices.Sorted(maps.Keys(open)), ", "), now.Sub(began).Seconds())
	})()
	group, ctx := errgroup.WithContext(ctx)
	for name, step := range steps {
		group.Go(func() error {
			err := step(ctx)
			mu.Lock()
			defer mu.Unlock()
			delete(open, name)
			if err != nil && ctx.Err() == nil && len(open) > 0 {
				progress("failed: %s; stopping the rest", name)
			}
			return err
		})
	}
	return group.Wait()
}
