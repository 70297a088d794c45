package e2e

import (
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
	quit   chan struct{}
	counts chan [2]int
}

func watchAnswers(url string) *answerWatch {
	w := &answerWatch{quit: make(chan struct{}), counts: make(chan [2]int)}
	go func() {
		client := box.visitor()
		client.Timeout = 10 * time.Second
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		var failures, asked int
		for { // at least once, however quick it is
			asked++
			response, err := client.Get(url)
			if err == nil {
				response.Body.Close()
			}
			if err != nil || response.StatusCode != http.StatusOK {
				failures++
			}
			select {
			case <-w.quit:
				w.counts <- [2]int{failures, asked}
				return
			case <-tick.C:
			}
		}
	}()
	return w
}

func (w *answerWatch) stop() (failures, asked int) {
	close(w.quit)
	counts := <-w.counts
	return counts[0], counts[1]
}
