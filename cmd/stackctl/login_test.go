package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/registry"
)

func TestLogins(t *testing.T) {
	dir := t.TempDir()
	text := `{"auths":{"ghcr.io":{"auth":"YWRhOmdlaGVpbQ=="},"https://index.docker.io/v1/":{"auth":"YWRhOmh1Yg=="}}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for image, password := range map[string]string{
		"ghcr.io/org/api:1": "geheim", "redis": "hub", "docker.io/library/redis:7": "hub", "quay.io/x/y": "",
	} {
		encoded, err := logins(dir).auth(image)
		if err != nil {
			t.Fatal(err)
		}
		if password == "" {
			if encoded != "" {
				t.Errorf("%s: a login where nobody is logged in", image)
			}
			continue
		}
		login, err := registry.DecodeAuthConfig(encoded)
		if err != nil || login.Username != "ada" || login.Password != password {
			t.Errorf("%s: %+v, %v", image, login, err)
		}
	}
	if encoded, err := logins(filepath.Join(dir, "none")).auth("redis"); encoded != "" || err != nil {
		t.Errorf("without a file: %q, %v", encoded, err)
	}
}

// systemd is told once that the agent is up, and from then on that it still runs.
func TestNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	(&call{env: map[string]string{"NOTIFY_SOCKET": path}}).run(t, "agent")
	for _, want := range []string{"READY=1\nWATCHDOG=1", "WATCHDOG=1"} {
		buffer := make([]byte, 100)
		if err := socket.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(buffer)
		if err != nil || string(buffer[:n]) != want {
			t.Errorf("%q, %v; want %q", buffer[:n], err, want)
		}
	}
}
