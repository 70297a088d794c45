// Package enginetest answers in place of a Docker engine, for tests.
package enginetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/client"
)

// Engine answers what a test tells it to and records what it was asked to change.
type Engine struct {
	mu      sync.Mutex
	Answers map[string]any // by method and path, without the version
	Failing map[string]int // status, by method and path
	Saying  string         // text added to the message of a failure
	Changes []string       // requests other than GET, with their name parameter and body
}

var apiVersion = regexp.MustCompile(`^/v[0-9.]+`)

// New starts an engine and returns a client of it.
func New(t *testing.T) (*Engine, *client.Client) {
	t.Helper()
	fake := &Engine{Answers: map[string]any{}, Failing: map[string]int{}}
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: fake}}
	server.Start()
	t.Cleanup(server.Close)
	docker, err := client.NewClientWithOpts(client.WithHost("unix://"+socket), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	return fake, docker
}

func (f *Engine) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what := request.Method + " " + apiVersion.ReplaceAllString(request.URL.Path, "")
	body, _ := io.ReadAll(request.Body)
	if request.Method != http.MethodGet {
		f.Changes = append(f.Changes, strings.TrimSpace(what+" "+request.URL.Query().Get("name")+string(body[:min(len(body), 8000)])))
	}
	if status, ok := f.Failing[what]; ok {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"%d as told%s"}`, status, f.Saying)
		return
	}
	answer, ok := f.Answers[what]
	switch {
	case ok:
		json.NewEncoder(w).Encode(answer)
	case request.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"no such thing"}`)
	case strings.HasPrefix(what, "DELETE /images/"):
		fmt.Fprint(w, "[]")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// Changed tells whether a request with this prefix was made, and its index in Changes.
func (f *Engine) Changed(prefix string) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.Changes, func(change string) bool { return strings.HasPrefix(change, prefix) })
	return at, at >= 0
}

// MustChange fails the test unless requests with these prefixes were made in this order.
func (f *Engine) MustChange(t *testing.T, prefixes ...string) {
	t.Helper()
	last := -1
	for _, prefix := range prefixes {
		at, ok := f.Changed(prefix)
		if !ok || at < last {
			t.Errorf("%q is missing or too early in\n%s", prefix, strings.Join(f.Changes, "\n"))
		}
		last = at
	}
}
