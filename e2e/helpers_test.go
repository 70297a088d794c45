package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// get reads a page that has to answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	status, body, err := tryGet(url)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func tryGet(url string) (int, string, error) {
	client := box.visitor()
	defer client.CloseIdleConnections()
	return fetch(client, url)
}

func fetch(client *http.Client, url string) (int, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// eventually polls until the condition holds, and fails with its last reason.
func eventually(t *testing.T, limit time.Duration, what string, condition func() (ok bool, last string)) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		ok, last := condition()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s; last: %s", what, limit, last)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	// Not the test's context: clean-ups run after its end.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", args[0], err)
	}
	return strings.TrimSpace(string(out))
}

// publicIP asks the host which address it has on the internet's network.
func publicIP(t *testing.T, node string) string {
	t.Helper()
	prefix := strings.TrimSuffix(sandboxNetwork, "0/24")
	var addresses []struct {
		Info []struct {
			Local string `json:"local"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(box.exec(t, node, "ip", "-j", "-4", "addr")), &addresses); err != nil {
		t.Fatal(err)
	}
	for _, device := range addresses {
		for _, info := range device.Info {
			if strings.HasPrefix(info.Local, prefix) {
				return info.Local
			}
		}
	}
	t.Fatalf("%s has no address in %s", node, sandboxNetwork)
	return ""
}
