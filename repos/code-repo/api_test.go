package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type fakeBroker struct{ err error }

func (f fakeBroker) roundTrip(_ context.Context, body string) (string, error) { return body, f.err }

type fakeSeq struct {
	events []event
	err    error
}

func (f *fakeSeq) enqueue(e event) { f.events = append(f.events, e) }
func (f *fakeSeq) send(_ context.Context, events ...event) error {
	f.events = append(f.events, events...)
	return f.err
}

func newAPI(t *testing.T) *api {
	t.Helper()
	return &api{
		config: config{SecretsDir: t.TempDir()},
		broker: fakeBroker{}, seq: &fakeSeq{}, host: "node-1", version: "abc1234",
	}
}

func ask(t *testing.T, a *api, method, path string) (int, map[string]any) {
	t.Helper()
	recorder := httptest.NewRecorder()
	a.handler().ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
	body := map[string]any{}
	if strings.HasPrefix(recorder.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s %s: %v in %q", method, path, err, recorder.Body)
		}
	}
	return recorder.Code, body
}

func TestIndexNamesSecretsAndNeverTheirValues(t *testing.T) {
	a := newAPI(t)
	for _, name := range []string{"azure_tenant_id", "azure_client_secret", ".hidden"} {
		if err := os.WriteFile(filepath.Join(a.SecretsDir, name), []byte("s3cr3t-value"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	recorder := httptest.NewRecorder()
	a.handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	text := recorder.Body.String()
	if strings.Contains(text, "s3cr3t-value") {
		t.Errorf("the answer holds a secret's value: %s", text)
	}
	for _, want := range []string{`"message":"` + message + `"`, `"version":"abc1234"`, `"host":"node-1"`,
		`"secrets":["azure_client_secret","azure_tenant_id"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("answer lacks %s: %s", want, text)
		}
	}
	if events := a.seq.(*fakeSeq).events; len(events) != 1 {
		t.Errorf("want one log event, got %v", events)
	}
}

func TestIndexWithoutSecretsDirectory(t *testing.T) {
	a := newAPI(t)
	a.SecretsDir = filepath.Join(a.SecretsDir, "none")
	status, body := ask(t, a, http.MethodGet, "/")
	if list, ok := body["secrets"].([]any); status != http.StatusOK || !ok || len(list) != 0 {
		t.Errorf("status %d, secrets %v", status, body["secrets"])
	}
}

func TestHealthTurnsWhenDraining(t *testing.T) {
	a := newAPI(t)
	if status, _ := ask(t, a, http.MethodGet, "/healthz"); status != http.StatusOK {
		t.Errorf("healthy: status %d", status)
	}
	a.draining.Store(true)
	if status, _ := ask(t, a, http.MethodGet, "/healthz"); status != http.StatusServiceUnavailable {
		t.Errorf("draining: status %d", status)
	}
	if status, _ := ask(t, a, http.MethodGet, "/"); status != http.StatusOK {
		t.Errorf("draining: / has status %d and should still be answered", status)
	}
}

func TestBackEnds(t *testing.T) {
	broken := errors.New("dial tcp 10.0.0.7:5672: password hunter2")
	for name, test := range map[string]struct {
		method, path  string
		broker        error
		seq           error
		status        int
		field, expect string
	}{
		"round trip":            {http.MethodGet, "/roundtrip", nil, nil, 200, "received", "ping from node-1"},
		"round trip, no rabbit": {http.MethodGet, "/roundtrip", broken, nil, 503, "error", "rabbitmq is not available"},
		"event, no seq":         {http.MethodPost, "/events", nil, broken, 503, "error", "seq is not available"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.broker, a.seq = fakeBroker{test.broker}, &fakeSeq{err: test.seq}
			status, body := ask(t, a, test.method, test.path)
			if status != test.status || body[test.field] != test.expect {
				t.Errorf("status %d, body %v", status, body)
			}
			if strings.Contains(strings.Join(values(body), " "), "hunter2") {
				t.Errorf("the answer tells too much: %v", body)
			}
		})
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	a := newAPI(t)
	if status, _ := ask(t, a, http.MethodGet, "/nothing"); status != http.StatusNotFound {
		t.Errorf("/nothing: status %d", status)
	}
	if status, _ := ask(t, a, http.MethodGet, "/events"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /events: status %d", status)
	}
	if status, _ := ask(t, a, http.MethodPost, "/events"); status != http.StatusCreated {
		t.Errorf("POST /events: status %d", status)
	}
}

func values(body map[string]any) []string {
	var texts []string
	for _, value := range body {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
