package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// processWatch records the command line of every process of this machine. The nodes share
// its kernel, so their processes are included.
type processWatch struct {
	quit  chan struct{}
	lines chan []string
}

// watchProcesses looks ten times a second until stopped: often enough to see every command
// that is not very short.
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
