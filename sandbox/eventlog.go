package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// follow reads events from the file while the CLI writes it. The returned function reads
// the rest and stops.
func (r *engineRun) follow(file string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var tail tail
		for last := false; !last; {
			select {
			case <-quit:
				last = true
			case <-time.After(200 * time.Millisecond):
			}
			for _, event := range tail.read(file) {
				now := time.Now()
				if r.take(event, now) {
					said.Lock()
					said.named = now
					said.Unlock()
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// tail is the position in a file that is being read.
type tail struct{ offset int64 }

// read returns the new events. It reads from the beginning again if the CLI has started the
// file again. Errors are ignored: a run must not fail because of them.
func (t *tail) read(file string) (events []apitype.EngineEvent) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() < t.offset {
		t.offset = 0
	}
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return nil
	}
	for reader := bufio.NewReader(f); ; {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return events // the line is not complete yet
		}
		t.offset += int64(len(line))
		var event apitype.EngineEvent
		if json.Unmarshal(bytes.TrimSpace(line), &event) == nil {
			events = append(events, event)
		}
	}
}
