package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// message is the text that "/" answers: the line to change when you want to
// see a push become a running service.
const message = "Hello from aver"

// waitTime bounds the time that one request may spend on RabbitMQ or Seq.
const waitTime = 5 * time.Second

// api is the HTTP side. The two back ends are behind interfaces with as few methods as
// possible, so that the tests can replace them.
type api struct {
	config
	broker interface {
		roundTrip(ctx context.Context, body string) (string, error)
	}
	seq interface {
		enqueue(event)
		send(context.Context, ...event) error
	}
	host     string
	version  string
	draining atomic.Bool
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /roundtrip", a.roundTrip)
	mux.HandleFunc("POST /events", a.event)
	return mux
}

// health says whether this instance wants traffic. It does not ask the back
// ends: an API that is restarted because RabbitMQ is away only adds to the
// outage.
func (a *api) health(w http.ResponseWriter, _ *http.Request) {
	if a.draining.Load() {
		reply(w, http.StatusServiceUnavailable, map[string]any{"status": "draining"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"status": "ok"})
}

func (a *api) index(w http.ResponseWriter, _ *http.Request) {
	a.seq.enqueue(event{"Message": "GET / on {Host}", "Host": a.host, "Version": a.version})
	reply(w, http.StatusOK, map[string]any{
		"message": message,
		"version": a.version,
		"host":    a.host,
		"secrets": secretNames(a.SecretsDir),
	})
}

func (a *api) roundTrip(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	start := time.Now()
	got, err := a.broker.roundTrip(ctx, "ping from "+a.host)
	if err != nil {
		a.unavailable(w, "rabbitmq", err)
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"received":     got,
		"milliseconds": time.Since(start).Milliseconds(),
	})
}

// event writes one log event and waits for Seq's answer, where "/" does not.
func (a *api) event(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	if err := a.seq.send(ctx, event{"Message": "event asked for on {Host}", "Host": a.host, "Version": a.version}); err != nil {
		a.unavailable(w, "seq", err)
		return
	}
	reply(w, http.StatusCreated, map[string]any{"stored": true})
}

// unavailable tells the caller which back end failed and keeps the details for
// the log: an address or a user name in an error is not for everybody.
func (a *api) unavailable(w http.ResponseWriter, backend string, err error) {
	slog.Error("back end failed", "backend", backend, "error", err)
	reply(w, http.StatusServiceUnavailable, map[string]any{"error": backend + " is not available"})
}

// secretNames lists the mounted secrets: their names, never what they hold.
// A missing directory means that there are none.
func secretNames(dir string) []string {
	names := []string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return names
	}
	for _, entry := range entries {
		if !entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("answer not written", "error", err)
	}
}
