package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLongBrowser opens the entry in a real browser, Debian's Chromium. With the sandbox's
// authority imported, it shows the page as one of a secure origin; without the authority it
// does not show the page.
func TestLongBrowser(t *testing.T) {
	isLong(t)
	for program, name := range map[string]string{"chromium": "chromium", "chromedriver": "chromium-driver", "certutil": "libnss3-tools"} {
		if _, err := exec.LookPath(program); err != nil {
			mustInstall(t, name)
		}
	}
	o := box.outputs(t)
	home, err := os.MkdirTemp("", "browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Some processes of Chromium still write for a moment after it has ended.
		eventually(t, 30*time.Second, "the browser's files go", func() (bool, string) {
			err := os.RemoveAll(home)
			return err == nil, fmt.Sprint(err)
		})
	})
	if page := browse(t, home, o); strings.Contains(page, greeting) {
		t.Errorf("a browser that does not know the authority shows the page:\n%s", page)
	}
	store := filepath.Join(home, ".pki/nssdb")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-N", "--empty-password"}, {"-A", "-n", "sandbox", "-t", "C,,", "-i", filepath.Join(box.stateDir(), "ca.crt")},
	} {
		if out, err := exec.Command("certutil", append([]string{"-d", "sql:" + store}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil: %v\n%s", err, out)
		}
	}
	if page := browse(t, home, o); !strings.Contains(page, greeting) || !strings.Contains(page, "true "+o.APIURL) {
		t.Errorf("the browser shows\n%s", page)
	}
}

// browse returns what Chromium shows of the entry: whether its origin is secure, and the
// page's text. It uses WebDriver, as browser tests do.
// https://www.w3.org/TR/webdriver2/
func browse(t *testing.T, home string, o *outputs) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const port = "9515"
	cmd := exec.CommandContext(ctx, "chromedriver", "--port="+port)
	cmd.Env = append(os.Environ(), "HOME="+home)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	eventually(t, 30*time.Second, "chromedriver listens", func() (bool, string) {
		_, text, err := fetch(http.DefaultClient, "http://127.0.0.1:"+port+"/status")
		return err == nil, fmt.Sprint(text, err)
	})
	ask := func(path string, body any) (value json.RawMessage) {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Post("http://127.0.0.1:"+port+path, "application/json", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer struct{ Value json.RawMessage }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Value // an error too: a page that is not shown is an error
	}
	var session struct{ SessionID string }
	value := ask("/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"goog:chromeOptions": map[string]any{
		"args": []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
			"--user-data-dir=" + t.TempDir(), "--host-resolver-rules=MAP " + o.EntryName + " " + o.EntryAddress},
	}}}})
	if err := json.Unmarshal(value, &session); err != nil || session.SessionID == "" {
		t.Fatalf("no session: %s", value)
	}
	shown := ask("/session/"+session.SessionID+"/url", map[string]string{"url": o.APIURL})
	page := ask("/session/"+session.SessionID+"/execute/sync", map[string]any{"script": "return window.isSecureContext + ' ' + location.origin + ' ' + document.body.innerText", "args": []any{}})
	return string(page) + " " + string(shown)
}

func mustInstall(t *testing.T, name string) {
	t.Helper()
	for _, args := range [][]string{{"update", "-q"}, {"install", "-qy", "--no-install-recommends", name}} {
		cmd := exec.CommandContext(t.Context(), "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("apt-get %s: %v\n%s", args[0], err, out)
		}
	}
}
