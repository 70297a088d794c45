package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"
)

// event is one log event: "Message" is its template, everything else a
// property of it.
type event map[string]any

// seq sends log events to a Seq server in its compact format (CLEF: one JSON
// object a line). Logging must never slow an answer down or fail it: events
// wait in a short queue, and one that finds it full is dropped.
type seq struct {
	url    string
	client *http.Client
	queue  chan event
	done   chan struct{}
}

const seqQueue = 256

func newSeq(base string) *seq {
	return &seq{
		url:    strings.TrimRight(base, "/") + "/api/events/raw?clef",
		client: &http.Client{Timeout: waitTime},
		queue:  make(chan event, seqQueue),
		done:   make(chan struct{}),
	}
}

// start sends the given event first and then the enqueued ones, until stop is called.
func (s *seq) start(first event) {
	s.enqueue(first)
	go func() {
		defer close(s.done)
		for e := range s.queue {
			ctx, cancel := context.WithTimeout(context.Background(), waitTime)
			if err := s.send(ctx, e); err != nil {
				slog.Warn("log event not stored", "error", err)
			}
			cancel()
		}
	}()
}

// stop lets the queue run empty, or gives up when ctx ends. Nothing may be
// enqueued afterwards.
func (s *seq) stop(ctx context.Context) {
	close(s.queue)
	select {
	case <-s.done:
	case <-ctx.Done():
	}
}

func (s *seq) enqueue(e event) {
	stamped := maps.Clone(e)
	stamped["@t"] = now()
	select {
	case s.queue <- stamped:
	default:
		slog.Warn("log event dropped", "reason", "queue full")
	}
}

// send posts the events and waits for the server's answer.
func (s *seq) send(ctx context.Context, events ...event) error {
	body, err := clef(events)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("seq: %w", err)
	}
	request.Header.Set("Content-Type", "application/vnd.serilog.clef")
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("seq: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 256))
		return fmt.Errorf("seq: status %s: %s", response.Status, bytes.TrimSpace(text))
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	return err
}

// clef renders events, one JSON object a line, each with its time.
func clef(events []event) ([]byte, error) {
	var lines bytes.Buffer
	for _, e := range events {
		line := map[string]any{"@t": now()}
		for key, value := range e {
			if key == "Message" {
				key = "@mt"
			}
			line[key] = value
		}
		if err := json.NewEncoder(&lines).Encode(line); err != nil {
			return nil, err
		}
	}
	return lines.Bytes(), nil
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
