package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// frozenBroker accepts connections and answers nothing. With hello it stops answering after
// the handshake of AMQP 0-9-1.
func frozenBroker(t *testing.T, hello bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			if hello {
				go shakeHands(conn)
			}
		}
	}()
	return "amqp://guest:guest@" + listener.Addr().String() + "/"
}

func shakeHands(conn net.Conn) {
	protocol := make([]byte, 8)
	io.ReadFull(conn, protocol)
	method := func(arguments string) {
		header := []byte{1, 0, 0, 0, 0, 0, byte(len(arguments))}
		conn.Write(append(append(header, arguments...), 0xce))
	}
	frame := func() {
		header := make([]byte, 7)
		io.ReadFull(conn, header)
		io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(header[3:]))+1)
	}
	method("\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US") // start
	frame()
	method("\x00\x0a\x00\x1e\x00\x00\x00\x00\x00\x00\x00\x00") // tune
	frame()
	frame()
	method("\x00\x0a\x00\x29\x00") // open-ok
}

func TestBrokerIsBoundedByItsDeadline(t *testing.T) {
	for name, hello := range map[string]bool{"before the handshake": false, "after it": true} {
		t.Run("frozen "+name, func(t *testing.T) {
			b := newBroker(frozenBroker(t, hello))
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			start := time.Now()
			if _, err := b.roundTrip(ctx, "ping"); err == nil {
				t.Error("a frozen broker gave no error")
			}
			b.mu.Lock()
			if connected := b.connection != nil; connected != hello {
				t.Errorf("connected: %t", connected)
			}
			b.mu.Unlock()
			b.close()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("gave up after %s", took)
			}
		})
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
	go func() { done <- serve(ctx, cfg, listener, 3*time.Second) }()
	if err := healthcheck(context.Background(), address); err != nil {
		t.Fatalf("while serving: %v", err)
	}
	stop()
	for err = nil; err == nil; time.Sleep(10 * time.Millisecond) {
		err = healthcheck(context.Background(), address)
	}
	if !strings.Contains(err.Error(), "503") {
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
	case <-time.After(15 * time.Second):
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
