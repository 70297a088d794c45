// Package seq stands in for the log server Seq if its image cannot be pulled. It accepts
// events as Seq does, keeps them, and shows the latest. It has no search, dashboards,
// users or API keys.
package seq

import (
	"bufio"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Sources are this package's files, from which the sandbox builds the image.
//
//go:embed *.go server/*.go
var Sources embed.FS

// kept is the number of events that are kept and shown. The file may grow to twice as many
// before it is cut.
const kept = 1000

// Event is a log event in the compact format: "@t" time, "@mt" message
// template, "@l" level, "@x" exception, everything else a property.
type Event map[string]any

// Store keeps the latest events in a file.
type Store struct {
	mu     sync.Mutex
	file   string
	events []Event
	lines  int // in the file
	count  int // events ever stored, for their ids
}

// Open reads the directory's events. It skips a line that a crash cut off.
func Open(dir string) (*Store, error) {
	s := &Store{file: filepath.Join(dir, "events.clef")}
	file, err := os.Open(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxBody)
	for lines.Scan() {
		var event Event
		if json.Unmarshal(lines.Bytes(), &event) == nil {
			s.events = append(s.events, event)
		}
		s.lines++
	}
	s.events = s.events[max(0, len(s.events)-kept):]
	s.count = s.lines
	return s, lines.Err()
}

// Add stores events. They are on the disk when it returns.
func (s *Store) Add(events []Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, event := range events {
		s.count++
		event["@i"] = fmt.Sprintf("event-%08x", s.count)
	}
	s.events = append(s.events, events...)
	s.events = s.events[max(0, len(s.events)-kept):]
	if s.lines+len(events) > 2*kept {
		return s.write(s.events, os.O_TRUNC)
	}
	return s.write(events, os.O_APPEND)
}

func (s *Store) write(events []Event, flag int) error {
	file, err := os.OpenFile(s.file, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	if flag == os.O_TRUNC {
		s.lines = 0
	}
	s.lines += len(events)
	encoder := json.NewEncoder(file)
	for _, event := range events {
		err = errors.Join(err, encoder.Encode(event))
	}
	return errors.Join(err, file.Close())
}

// Latest returns up to n events, newest first.
func (s *Store) Latest(n int) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	latest := make([]Event, 0, min(n, len(s.events)))
	for i := len(s.events) - 1; i >= 0 && len(latest) < n; i-- {
		latest = append(latest, s.events[i])
	}
	return latest
}

// parseCLEF reads one event from each line and skips empty lines.
func parseCLEF(body io.Reader, now time.Time) ([]Event, error) {
	var events []Event
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxBody)
	for number := 1; lines.Scan(); number++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var event Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("line %d is not a JSON object: %w", number, err)
		}
		if err := check(event, now); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		events = append(events, event)
	}
	return events, lines.Err()
}

// check requires a timestamp, as the original does, and sets the default level.
func check(event Event, now time.Time) error {
	stamp, ok := event["@t"].(string)
	if !ok {
		return errors.New(`the event has no timestamp "@t"`)
	}
	if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil {
		return fmt.Errorf(`the timestamp "@t" is %q, not ISO 8601`, stamp)
	}
	if _, ok := event["@l"]; !ok {
		event["@l"] = "Information"
	}
	event["@arrived"] = now.UTC().Format(time.RFC3339Nano)
	return nil
}

// parseEnvelope reads the older format, {"Events": [...]}.
func parseEnvelope(body io.Reader, now time.Time) ([]Event, error) {
	var envelope struct {
		Events []struct {
			Timestamp       string
			Level           string
			MessageTemplate string
			Exception       string
			Properties      map[string]any
		}
	}
	if err := json.NewDecoder(body).Decode(&envelope); err != nil {
		return nil, fmt.Errorf("the body is not a JSON object with Events: %w", err)
	}
	var events []Event
	for i, raw := range envelope.Events {
		event := Event{"@t": raw.Timestamp, "@mt": raw.MessageTemplate}
		for name, value := range raw.Properties {
			event[name] = value
		}
		if raw.Level != "" {
			event["@l"] = raw.Level
		}
		if raw.Exception != "" {
			event["@x"] = raw.Exception
		}
		if err := check(event, now); err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		events = append(events, event)
	}
	return events, nil
}
