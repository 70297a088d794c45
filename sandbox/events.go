package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// engineRun collects the engine's events of one run of the CLI.
type engineRun struct {
	mu       sync.Mutex
	at       map[string]*operation // running steps by URN
	failures map[string][]string   // errors by URN, in the order they came
	order    []string              // the URNs in failures, in the order they came
	warned   []string              // warnings in the order they came, without repetitions
	words    string                // the last message while no step was running
}

// operation is one step on a resource.
type operation struct {
	op    string
	since time.Time
	words string // the last message about it
}

func newEngineRun() *engineRun {
	return &engineRun{at: map[string]*operation{}, failures: map[string][]string{}}
}

// take records an event and tells whether the CLI shows it.
func (r *engineRun) take(event apitype.EngineEvent, now time.Time) (shown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case event.ResourcePreEvent != nil:
		m := event.ResourcePreEvent.Metadata
		r.words = ""
		// Components are skipped: they end only with the program.
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
	line := firstLine(message)
	if running, ok := r.at[d.URN]; ok && line != "" {
		running.words = line
	} else if len(r.at) == 0 {
		r.words = line
	}
	// A warning about a running step, such as a retry, is outdated when the step ends.
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

// digestOf matches the first line of a BuildKit message that comes through the official
// plugin. The name of the step is in the next line.
var digestOf = regexp.MustCompile(`^digest: \S*\n`)

// firstLine is the first meaningful line of a message.
func firstLine(message string) string {
	line, _, _ := strings.Cut(digestOf.ReplaceAllString(message, ""), "\n")
	return line
}

// mostNamed is how many steps a progress line names.
const mostNamed = 4

// waiting names the running steps, the oldest first.
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

// engine runs a CLI command and follows its events. Without a terminal the CLI is silent
// while it waits, so the events are used to name what it waits for. The error holds the
// reasons of a failure. The warnings name commands that work in the sandbox.
func (s *session) engine(self string, terminal bool, args ...string) (warnings []string, err error) {
	log := s.work.EventLog()
	if err := os.Remove(log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	defer os.Remove(log)
	run, a := newEngineRun(), adviser{self: self, manager: s.manager()}
	stop := run.follow(log)
	cmd := s.work.Pulumi(context.Background(), append(slices.Clone(s.env), "PULUMI_DEBUG_COMMANDS=1"), append(args, "--event-log", log)...) // args name a command that has --event-log
	if !terminal {
		cmd.Args = append(cmd.Args, "--suppress-progress")
		out, complaints := &advising{adviser: a, out: os.Stdout}, &advising{adviser: a, out: os.Stderr}
		defer func() { err = errors.Join(err, out.Close(), complaints.Close()) }()
		cmd.Stdout, cmd.Stderr = out, complaints
		cmd.WaitDelay = 2 * time.Second // processes that the CLI leaves running hold its output
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

// manager is a node that has stackctl, or empty if there is none yet.
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

// warnings are those of the run, with commands that work in the sandbox.
func (r *engineRun) warnings(a adviser) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, text := range r.warned {
		all = append(all, a.advice(text))
	}
	return all
}

// engineAlone runs a CLI command that needs no further output. On a terminal the CLI has
// shown the warnings itself, so only those with changed commands are repeated.
func (s *session) engineAlone(self string, args ...string) error {
	terminal := onTerminal()
	warnings, err := s.engine(self, terminal, args...)
	if err == nil && terminal {
		warnings = slices.DeleteFunc(warnings, func(text string) bool { return !strings.Contains(text, "`"+self+" ") })
		fmt.Print(listed(warnings))
	}
	return err
}

// listed formats warnings as a block of lines, or nothing if there are none. The run may
// have solved the cause of some.
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

// nameWaits makes the heartbeat name what the engine waits for, until the returned
// function is called.
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
