package machine

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

	"averazure/sandbox/engine"
)

// fakeEngine answers what it is told to, in the place of a Docker engine, and
// notes what it was asked to change.
type fakeEngine struct {
	mu      sync.Mutex
	answers map[string]any // by method and path, without the version
	failing map[string]int // status, by method and path
	saying  string         // with a failure
	changes []string       // requests other than GET, with what they say of labels and names
}

var apiVersion = regexp.MustCompile(`^/v[0-9.]+`)

// withEngine gives the room an engine that does not exist.
func withEngine(t *testing.T, r *Room) *fakeEngine {
	t.Helper()
	fake := &fakeEngine{answers: map[string]any{}, failing: map[string]int{}}
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
	r.docker, r.engine = docker, &engine.Engine{Host: "unix://" + socket, Client: docker}
	return fake
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what := request.Method + " " + apiVersion.ReplaceAllString(request.URL.Path, "")
	body, _ := io.ReadAll(request.Body)
	if request.Method != http.MethodGet {
		f.changes = append(f.changes, strings.TrimSpace(what+" "+request.URL.Query().Get("name")+string(body[:min(len(body), 8000)])))
	}
	if status, ok := f.failing[what]; ok {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"%d as told%s"}`, status, f.saying)
		return
	}
	answer, ok := f.answers[what]
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

// changed says whether a request that begins so was made, and where.
func (f *fakeEngine) changed(prefix string) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.changes, func(change string) bool { return strings.HasPrefix(change, prefix) })
	return at, at >= 0
}

func (f *fakeEngine) mustChange(t *testing.T, prefixes ...string) {
	t.Helper()
	last := -1
	for _, prefix := range prefixes {
		at, ok := f.changed(prefix)
		if !ok || at < last {
			t.Errorf("%q is missing or too early in\n%s", prefix, strings.Join(f.changes, "\n"))
		}
		last = at
	}
}
