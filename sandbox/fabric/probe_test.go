package fabric

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	bad := errors.New("refused")
	var h health
	for i, step := range []struct {
		result      error
		up, changed bool
	}{{bad, false, false}, {nil, true, true}, {bad, true, false}, {nil, true, false}, {bad, true, false}, {bad, false, true}, {bad, false, false}, {nil, true, true}} {
		if changed := h.seen(step.result, 2); changed != step.changed || h.Up != step.up {
			t.Errorf("step %d: up %v, changed %v", i, h.Up, changed)
		}
	}
}

// answering is a port of this machine and its target.
func answering(t *testing.T, protocol, address string) target {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, _ := strconv.Atoi(port)
	return target{Probe{Protocol: protocol, Port: uint16(number), Path: "/health", Interval: 5, Count: 2}, Member{"vm-1", host}}
}

func TestProbes(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			w.WriteHeader(status)
		}
	}))
	defer server.Close()
	alive, ctx := t.TempDir(), context.Background()
	web := answering(t, "http", server.Listener.Addr().String())
	tcp := web
	tcp.Protocol = "tcp"
	if err := errors.Join(web.once(ctx, alive), tcp.once(ctx, alive)); err != nil {
		t.Error(err)
	}
	status = http.StatusFound // only 200 is healthy
	if web.once(ctx, alive) == nil || tcp.once(ctx, alive) != nil {
		t.Error("a redirect is health, or a port that answers is not")
	}
	closed := answering(t, "tcp", "127.0.0.1:1")
	if closed.once(ctx, alive) == nil {
		t.Error("a closed port is healthy")
	}
}

func TestAFrozenMachineFailsItsProbe(t *testing.T) {
	server := httptest.NewServer(nil)
	defer server.Close()
	alive := t.TempDir()
	tcp := answering(t, "tcp", server.Listener.Addr().String())
	file := filepath.Join(alive, "vm-1")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tcp.once(context.Background(), alive); err != nil {
		t.Error(err)
	}
	long := time.Now().Add(-2 * stillness)
	if err := os.Chtimes(file, long, long); err != nil {
		t.Fatal(err)
	}
	if tcp.once(context.Background(), alive) == nil {
		t.Error("a VM that has said nothing for long is healthy")
	}
}
