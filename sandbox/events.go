package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// engineRun is what the engine's events tell of one run of the CLI.
type engineRun struct {
	mu       sync.Mutex
	at       map[string]*operation // by URN: what is under way
	failures map[string][]string   // by URN: errors, as they came
	order    []string              // of the URNs in failures
	warned   []string              // as they came, each once
	words    string                // what was last said while nothing was under way
}

// operation is one step on a resource.
type operation struct {
	op    string
	since time.Time
	words string // what was last said of it
}

func newEngineRun() *engineRun {
	return &engineRun{at: map[string]*operation{}, failures: map[string][]string{}}
}

// take notes an event, and tells whether the CLI shows it.
func (r *engineRun) take(event apitype.EngineEvent, now time.Time) (shown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case event.ResourcePreEvent != nil:
		m := event.ResourcePreEvent.Metadata
		r.words = ""
		// A component is under way until the program ends.
		if m.Op == apitype.OpSame || !custom(m) {
			return false
		}
		r.at[m.URN] = &operation{op: string(m.Op), since: now}
		return true
	case event.ResOutputsEvent != nil:
		delete(r.at, event.ResOutputsEvent.Metadata.URN)
		return event.ResOutputsEvent.Metadata.Op != apitype.OpSame
	case event.ResOpFailedEvent != nil:
		delete(r.at, event.ResOpFailedEvent.Metadata.URN)
		return true
	case event.DiagnosticEvent != nil:
		r.hear(*event.DiagnosticEvent)
		return true
	}
	return false
}

func custom(m apitype.StepEventMetadata) bool {
	return m.New != nil && m.New.Custom || m.Old != nil && m.Old.Custom
}

func (r *engineRun) hear(d apitype.DiagnosticEvent) {
	message := strings.TrimSpace(d.Message)
	line, _, _ := strings.Cut(message, "\n")
	if running, ok := r.at[d.URN]; ok && line != "" {
		running.words = line
	} else if len(r.at) == 0 {
		r.words = line
	}
	// What a resource says while it is made or changed, as of a second try, is over then.
	if _, underWay := r.at[d.URN]; d.Severity == "warning" && message != "" && !underWay && !slices.Contains(r.warned, message) {
		r.warned = append(r.warned, message)
	}
	if d.Severity != "error" || message == "" {
		return
	}
	if _, known := r.failures[d.URN]; !known {
		r.order = append(r.order, d.URN)
	}
	r.failures[d.URN] = append(r.failures[d.URN], message)
}

// mostNamed is how many steps a line names.
const mostNamed = 4

// waiting names what is under way, the oldest first.
func (r *engineRun) waiting(now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	urns := slices.SortedFunc(maps.Keys(r.at), func(a, b string) int {
		return cmp.Or(r.at[a].since.Compare(r.at[b].since), strings.Compare(a, b))
	})
	var named []string
	for _, urn := range urns[:min(len(urns), mostNamed)] {
		step := r.at[urn]
		text := fmt.Sprintf("%s (%s, %.0f s)", resource.URN(urn).Name(), step.op, now.Sub(step.since).Seconds())
		if step.words != "" {
			text += ": " + shortened(step.words)
		}
		named = append(named, text)
	}
	if more := len(urns) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("%d more", more))
	}
	if len(named) == 0 && r.words != "" {
		return "the program: " + shortened(r.words)
	}
	return strings.Join(named, "; ")
}

func shortened(line string) string {
	if runes := []rune(line); len(runes) > 120 {
		return string(runes[:120]) + "..."
	}
	return line
}

// follow reads the events from the file while the CLI writes it, until the returned
// function is called, which reads what is left.
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

// tail is how far a file has been read.
type tail struct{ offset int64 }

// read returns the events that were added; the CLI may begin the file anew. What cannot be
// read is not worth a failed run.
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
			return events // the rest of the line is still to come
		}
		t.offset += int64(len(line))
		var event apitype.EngineEvent
		if json.Unmarshal(bytes.TrimSpace(line), &event) == nil {
			events = append(events, event)
		}
	}
}

// failed is a run of the CLI that ended badly.
type failed struct {
	status int
	why    string // one paragraph for each resource, the sentence that matters first
}

func (f failed) Error() string { return cmp.Or(f.why, exitError(f.status).Error()) }

// why says what failed, with advice as a user of the sandbox can follow it.
func (r *engineRun) why(a adviser) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	order := slices.Clone(r.order)
	// Beside a resource that failed, an error of no resource says only that something
	// did. Alone, it is the program's own.
	if len(order) > 1 {
		order = slices.DeleteFunc(order, func(urn string) bool { return urn == "" })
	}
	var paragraphs []string
	for _, urn := range order {
		text := strings.Join(foremost(r.failures[urn]), "\n")
		if urn != "" && resource.URN(urn).Type() != resource.RootStackType {
			text += fmt.Sprintf("\n(%s)", resource.URN(urn).Name())
		}
		paragraphs = append(paragraphs, strings.ReplaceAll(a.advice(text), "\n", "\n  "))
	}
	return strings.Join(paragraphs, "\n")
}

// foremost leaves out what a provider says of a command where the program has explained
// it, and else the command line.
func foremost(said []string) []string {
	explained := slices.DeleteFunc(slices.Clone(said), func(text string) bool { return ranInVain(text) != "" })
	if len(explained) > 0 {
		return explained
	}
	all := slices.Clone(said)
	for i, text := range all {
		all[i] = cmp.Or(ranInVain(text), text)
	}
	return all
}

// ranInVain is what pulumi-command says of a command that ran and failed, without the
// command line; "" of everything else.
func ranInVain(text string) string {
	status, rest, _ := strings.Cut(text, ": running ")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	return status + rest[len(quoted):]
}

// engine runs a CLI command whose events are followed: without a terminal, where the CLI
// says nothing while it waits, they say for what. A failure's reasons are in the error. It
// returns the warnings, with advice as a user of the sandbox can follow it.
func (s *session) engine(self string, terminal bool, args ...string) (warnings []string, err error) {
	log := s.work.EventLog()
	if err := os.Remove(log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	defer os.Remove(log)
	run, a := newEngineRun(), adviser{self: self, manager: s.manager()}
	stop := run.follow(log)
	cmd := s.work.Pulumi(context.Background(), append(slices.Clone(s.env), "PULUMI_DEBUG_COMMANDS=1"), append(args, "--event-log", log)...) // which know --event-log
	if !terminal {
		cmd.Args = append(cmd.Args, "--suppress-progress")
		out, complaints := &advising{adviser: a, out: os.Stdout}, &advising{adviser: a, out: os.Stderr}
		defer func() { err = errors.Join(err, out.Close(), complaints.Close()) }()
		cmd.Stdout, cmd.Stderr = out, complaints
		cmd.WaitDelay = 2 * time.Second // for what the CLI leaves behind with its output
		defer nameWaits(func(now time.Time) string { return a.advice(run.waiting(now)) })()
	}
	err = waitFor(cmd)
	stop()
	var exit exitError
	if errors.As(err, &exit) {
		return nil, failed{int(exit), run.why(a)}
	}
	return run.warnings(a), err
}

// manager is a node that has stackctl; empty where there is none yet.
func (s *session) manager() string {
	if s.room == nil {
		return ""
	}
	nodes, err := s.room.Nodes(context.Background())
	if at := slices.IndexFunc(nodes, func(name string) bool { return strings.Contains(name, "-manager") }); err == nil && at >= 0 {
		return nodes[at]
	}
	return ""
}

// warnings are those of the run, with advice as it can be followed here.
func (r *engineRun) warnings(a adviser) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, text := range r.warned {
		all = append(all, a.advice(text))
	}
	return all
}

// engineAlone runs a CLI command after which there is nothing to say but warnings whose
// advice the CLI has shown, on a terminal, in its own words.
func (s *session) engineAlone(self string, args ...string) error {
	terminal := onTerminal()
	warnings, err := s.engine(self, terminal, args...)
	if err == nil && terminal {
		warnings = slices.DeleteFunc(warnings, func(text string) bool { return !strings.Contains(text, "`"+self+" ") })
		fmt.Print(listed(warnings))
	}
	return err
}

// listed are warnings as a block of lines; nothing where there are none. Some are of what
// the run has put right.
func listed(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	block := "\nWarnings of this run:\n"
	for _, text := range warnings {
		block += "  " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
	}
	return block
}

// nameWaits has the heartbeat say what is waited for, until the returned function is called.
func nameWaits(waiting func(now time.Time) string) (stop func()) {
	set := func(to func(now time.Time) string) {
		said.Lock()
		defer said.Unlock()
		said.waiting = to
	}
	set(waiting)
	rest := heartbeat()
	return func() {
		rest()
		set(nil)
	}
}
