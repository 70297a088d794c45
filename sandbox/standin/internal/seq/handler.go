package seq

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// maxBody is the size limit of a request in bytes, as in the original.
const maxBody = 10 << 20

// Handler answers as Seq does on its most used paths.
func Handler(store *Store) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /ingest/clef", ingest(store, func(*http.Request) bool { return true }))
	mux.Handle("POST /api/events/raw", ingest(store, isCLEF))
	mux.HandleFunc("GET /api/events", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, shown(store.Latest(count(r))))
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "The Seq node is in service."})
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.Execute(w, shown(store.Latest(count(r))))
	})
	return mux
}

// isCLEF tells whether a body on the older path is in the newer format.
func isCLEF(r *http.Request) bool {
	return r.URL.Query().Has("clef") || strings.HasPrefix(r.Header.Get("Content-Type"), "application/vnd.serilog.clef")
}

func ingest(store *Store, compact func(*http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var parse func(io.Reader, time.Time) ([]Event, error) = parseEnvelope
		if compact(r) {
			parse = parseCLEF
		}
		events, err := parse(http.MaxBytesReader(w, r.Body, maxBody), time.Now())
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"Error": err.Error()})
			return
		}
		if err := store.Add(events); err != nil {
			answer(w, http.StatusInternalServerError, map[string]string{"Error": err.Error()})
			return
		}
		answer(w, http.StatusCreated, map[string]any{"MinimumLevelAccepted": nil})
	}
}

// count is the requested number of events, 30 by default.
func count(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("count"))
	if err != nil || n < 1 {
		return 30
	}
	return min(n, kept)
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

// property and entry have the original's names.
type property struct {
	Name  string
	Value any
}

type entry struct {
	ID              string `json:"Id"`
	Timestamp       any
	Level           any
	RenderedMessage string
	Exception       any `json:",omitempty"`
	Properties      []property
}

func shown(events []Event) []entry {
	entries := make([]entry, 0, len(events))
	for _, event := range events {
		id, _ := event["@i"].(string)
		e := entry{ID: id, Timestamp: event["@t"], Level: event["@l"], Exception: event["@x"],
			RenderedMessage: render(event), Properties: []property{}}
		for name, value := range event {
			if !strings.HasPrefix(name, "@") {
				e.Properties = append(e.Properties, property{name, value})
			}
		}
		sort.Slice(e.Properties, func(i, j int) bool { return e.Properties[i].Name < e.Properties[j].Name })
		entries = append(entries, e)
	}
	return entries
}

// render is the event's message, or its template with each {Name} replaced by the
// property.
func render(event Event) string {
	if message, ok := event["@m"].(string); ok {
		return message
	}
	text, _ := event["@mt"].(string)
	for name, value := range event {
		text = strings.ReplaceAll(text, "{"+name+"}", fmt.Sprint(value))
	}
	return text
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Seq (stand-in)</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
td { padding: .2rem .8rem .2rem 0; vertical-align: top } small { color: #666 }
.Error, .Fatal { color: #b00020 } .Warning { color: #945d00 }
</style></head><body>
<h1>Latest events</h1>
<p><small>The sandbox's stand-in for Seq. The same as JSON: <a href="/api/events">/api/events</a>.</small></p>
<table>{{range .}}<tr><td><small>{{.Timestamp}}</small></td><td class="{{.Level}}">{{.Level}}</td>
<td>{{.RenderedMessage}}<br><small>{{range .Properties}}{{.Name}}={{.Value}} {{end}}</small></td></tr>
{{else}}<tr><td>None yet.</td></tr>{{end}}</table>
</body></html>
`))
