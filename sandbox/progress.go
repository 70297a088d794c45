package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

var started = time.Now()

// said is the last line of progress, when it was, and when something was last said.
var said struct {
	sync.Mutex
	line      string
	at, named time.Time
	waiting   func(now time.Time) string // what the engine waits for, while it runs
}

// progress prints what is being done, with the time since the start.
func progress(format string, args ...any) {
	said.Lock()
	defer said.Unlock()
	now := time.Now()
	said.line, said.at, said.named = fmt.Sprintf(format, args...), now, now
	fmt.Fprintf(os.Stderr, "[%4.0fs] %s\n", time.Since(started).Seconds(), said.line)
}

// silence is how long nothing is said: with a busy machine's delays less than 15 s.
const silence = 12 * time.Second

// heartbeat names the step that is under way again and again, since compiling
// and fetching last minutes and say nothing, until the returned function is
// called.
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

// stillAt is what is to be said about the step that is under way, if anything.
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
	return fmt.Sprintf("... still at it after %.0f s: %s", now.Sub(said.at).Seconds(), said.line)
}
