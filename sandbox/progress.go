package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

var started = time.Now()

// said is the last line of progress, and when it was.
var said struct {
	sync.Mutex
	line string
	at   time.Time
}

// progress prints what is being done, with the time since the start.
func progress(format string, args ...any) {
	said.Lock()
	defer said.Unlock()
	said.line, said.at = fmt.Sprintf(format, args...), time.Now()
	fmt.Fprintf(os.Stderr, "[%4.0fs] %s\n", time.Since(started).Seconds(), said.line)
}

// silence is how long a step may go on before it is named again.
const silence = 20 * time.Second

// heartbeat names the step that is under way again and again, since compiling
// and fetching last minutes and say nothing, until the returned function is
// called.
func heartbeat() (stop func()) {
	tick := time.NewTicker(silence)
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				stillAt()
			}
		}
	}()
	return func() {
		tick.Stop()
		close(quit)
	}
}

func stillAt() {
	said.Lock()
	defer said.Unlock()
	if since := time.Since(said.at); said.line != "" && since >= silence {
		fmt.Fprintf(os.Stderr, "[%4.0fs] ... still at it after %.0f s: %s\n", time.Since(started).Seconds(), since.Seconds(), said.line)
	}
}
