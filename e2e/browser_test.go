package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLongBrowser opens the entry in a real browser, Debian's Chromium: with the sandbox's
// authority imported it shows the page, as of a secure origin, and without it it does not.
func TestLongBrowser(t *testing.T) {
	isLong(t)
	if _, err := exec.LookPath("chromium"); err != nil {
		mustInstall(t, "chromium", "libnss3-tools")
	}
	if _, err := exec.LookPath("certutil"); err != nil {
		mustInstall(t, "libnss3-tools")
	}
	o := box.outputs(t)
	home := t.TempDir()
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
	if page := browse(t, home, o); !strings.Contains(page, greeting) {
		t.Errorf("the browser shows\n%s", page)
	}
}

// browse is what Chromium makes of the entry: the page's text.
func browse(t *testing.T, home string, o *outputs) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP "+o.EntryName+" "+o.EntryAddress, "--dump-dom", o.APIURL)
	cmd.Env = append(os.Environ(), "HOME="+home)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	return string(out)
}

func mustInstall(t *testing.T, packages ...string) {
	t.Helper()
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-qy", "--no-install-recommends"}, packages...)} {
		cmd := exec.CommandContext(t.Context(), "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("apt-get %s: %v\n%s", args[0], err, out)
		}
	}
}
