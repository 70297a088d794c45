package seq

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func post(t *testing.T, h http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return answer
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestIngestedEventsAreListedNewestFirst(t *testing.T) {
	handler := Handler(open(t, t.TempDir()))
	for _, path := range []string{"/ingest/clef", "/api/events/raw?clef"} {
		body := `{"@t":"2026-01-02T03:04:05Z","@mt":"hello {Who}","Who":"` + path + `"}` + "\n"
		if got := post(t, handler, path, body+"\n"); got.Code != http.StatusCreated {
			t.Fatalf("%s answered %d: %s", path, got.Code, got.Body)
		}
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/events?count=5", nil))
	var events []struct {
		ID              string `json:"Id"`
		RenderedMessage string
		Level           string
		Properties      []struct{ Name, Value string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || events[0].RenderedMessage != "hello /api/events/raw?clef" || events[1].Properties[0].Value != "/ingest/clef" {
		t.Errorf("events are %+v", events)
	}
	if events[0].Level != "Information" || events[0].ID == events[1].ID {
		t.Errorf("level or ids are wrong: %+v", events)
	}
}

func TestEnvelopeOfTheOlderPath(t *testing.T) {
	store := open(t, t.TempDir())
	body := `{"Events":[{"Timestamp":"2026-01-02T03:04:05Z","Level":"Error","MessageTemplate":"broken","Exception":"x","Properties":{"A":1}}]}`
	if got := post(t, Handler(store), "/api/events/raw", body); got.Code != http.StatusCreated {
		t.Fatalf("answered %d: %s", got.Code, got.Body)
	}
	if got := store.Latest(1)[0]; got["@l"] != "Error" || got["@x"] != "x" || got["A"] != 1.0 {
		t.Errorf("stored %v", got)
	}
}

func TestBadBodiesAreRefusedWithTheirLine(t *testing.T) {
	handler := Handler(open(t, t.TempDir()))
	for body, want := range map[string]string{
		"{\"@t\":\"2026-01-02T03:04:05Z\"}\nnonsense": "line 2",
		`{"@mt":"no time"}`:                           "no timestamp",
		`{"@t":"yesterday"}`:                          "not ISO 8601",
	} {
		got := post(t, handler, "/ingest/clef", body)
		if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%q answered %d %s, want 400 with %q", body, got.Code, got.Body, want)
		}
	}
}

func TestEventsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	for i := range 3 {
		if err := store.Add([]Event{{"@t": "2026-01-02T03:04:05Z", "@m": strconv.Itoa(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	// A crash may leave half a line.
	file, err := os.OpenFile(filepath.Join(dir, "events.clef"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString(`{"@t":"20`)
	file.Close()
	if got := open(t, dir).Latest(10); len(got) != 3 || got[0]["@m"] != "2" {
		t.Errorf("after a restart: %v", got)
	}
}

func TestFileIsCut(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	batch := make([]Event, 100)
	for range 50 {
		for i := range batch {
			batch[i] = Event{"@t": "2026-01-02T03:04:05Z"}
		}
		if err := store.Add(batch); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "events.clef"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > 2*kept {
		t.Errorf("the file has %d lines, want at most %d", lines, 2*kept)
	}
	if got := len(store.Latest(5000)); got != kept {
		t.Errorf("%d events are held, want %d", got, kept)
	}
}

func TestPageEscapesWhatEventsSay(t *testing.T) {
	handler := Handler(open(t, t.TempDir()))
	post(t, handler, "/ingest/clef", `{"@t":"2026-01-02T03:04:05Z","@m":"<script>"}`)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if body := answer.Body.String(); strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("the page is %s", body)
	}
}

func TestSourcesHoldTheProgram(t *testing.T) {
	if _, err := Sources.ReadFile("server/main.go"); err != nil {
		t.Error(err)
	}
}
