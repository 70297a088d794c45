package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestBrokerIsBoundedByItsDeadline(t *testing.T) {
	// Accepts and says nothing: what a hung broker looks like.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	b := newBroker("amqp://guest:guest@" + silent.Addr().String() + "/")
	defer b.close()
	start := time.Now()
	if _, err := b.roundTrip(ctx, "ping"); err == nil {
		t.Fatal("a silent broker gave no error")
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("gave up after %s", took)
	}
}

func TestBrokerDialsAgainAfterAFailure(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dials := make(chan struct{}, 2)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			dials <- struct{}{}
			conn.Close()
		}
	}()
	b := newBroker("amqp://guest:guest@" + listener.Addr().String() + "/")
	defer b.close()
	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if _, err := b.roundTrip(ctx, "ping"); err == nil {
			t.Error("a broker that hangs up gave no error")
		}
		cancel()
	}
	if len(dials) != 2 {
		t.Errorf("want 2 dials, got %d", len(dials))
	}
}

func TestSeqReceivesCompactEvents(t *testing.T) {
	lines := make(chan map[string]any, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/events/raw" || !r.URL.Query().Has("clef") {
			t.Errorf("posted to %s", r.URL)
		}
		if got := r.Header.Get("Content-Type"); got != "application/vnd.serilog.clef" {
			t.Errorf("content type %q", got)
		}
		for scanner := bufio.NewScanner(r.Body); scanner.Scan(); {
			line := map[string]any{}
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Errorf("%v in %q", err, scanner.Text())
			}
			lines <- line
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	s := newSeq(server.URL + "/")
	s.start(event{"Message": "started on {Host}", "Host": "node-1"})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.send(ctx, event{"Message": "sent"}); err != nil {
		t.Fatal(err)
	}
	s.stop(ctx)
	close(lines)
	seen := map[any]map[string]any{}
	for line := range lines {
		seen[line["@mt"]] = line
	}
	for _, template := range []string{"started on {Host}", "sent"} {
		line := seen[template]
		text, _ := line["@t"].(string)
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			t.Errorf("event %q: %v in %v", template, err, line)
		}
	}
	if seen["started on {Host}"]["Host"] != "node-1" {
		t.Errorf("property lost: %v", seen)
	}
}

func TestSeqFailuresAreErrorsAndAFullQueueDrops(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "disk full", http.StatusInsufficientStorage)
	}))
	defer server.Close()
	s := newSeq(server.URL)
	err := s.send(context.Background(), event{"Message": "x"})
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
	for range seqQueue + 10 {
		s.enqueue(event{"Message": "nobody reads this"}) // must not block
	}
}

func TestServeDrainsBeforeItStops(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	cfg := config{AMQPURL: "amqp://127.0.0.1:1/", SeqURL: "http://127.0.0.1:1", SecretsDir: t.TempDir()}
	go func() { done <- serve(ctx, cfg, listener, 300*time.Millisecond) }()
	if err := healthcheck(context.Background(), address); err != nil {
		t.Fatalf("while serving: %v", err)
	}
	stop()
	time.Sleep(100 * time.Millisecond)
	if err := healthcheck(context.Background(), address); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("while draining: %v", err)
	}
	response, err := http.Get("http://" + address + "/")
	if err != nil {
		t.Fatalf("while draining: %v", err)
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("did not stop")
	}
}

func TestCommandAndConfig(t *testing.T) {
	if err := command(context.Background(), config{}, []string{"frobnicate"}); err == nil {
		t.Error("unknown arguments were accepted")
	}
	if err := healthcheck(context.Background(), "8080"); err == nil {
		t.Error("a listen address without a port was accepted")
	}
	cfg := loadConfig(func(key string) string {
		return map[string]string{"SEQ_URL": "http://logs:5341"}[key]
	})
	want := config{":8080", "amqp://guest:guest@rabbitmq:5672/", "http://logs:5341", "/run/secrets"}
	if cfg != want {
		t.Errorf("got %+v", cfg)
	}
}
