package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"averazure/internal/release"
)

// The settings count only where nobody but root can write them.
func TestSettings(t *testing.T) {
	c := (&call{settings: `{"deployScope":"stack","converge":"20m","patience":"90s"}`}).run(t, "status", "aver")
	if c.status != 0 || c.fake.bounds.Converge != 20*time.Minute || c.fake.bounds.Patience != 90*time.Second || c.fake.bounds.Queue != release.Defaults().Queue {
		t.Errorf("%d, %+v, %s", c.status, c.fake.bounds, c.stderr)
	}
	for _, wrong := range []string{`{"deployScop":"stack"}`, `{"converge":"soon"}`, `{"converge":"-1m"}`, `nothing`} {
		if c := (&call{settings: wrong}).run(t, "status", "aver", "--json"); c.status != 2 || c.result(t).Problems[0].Code != "settings" {
			t.Errorf("%s: %d %s", wrong, c.status, c.stderr)
		}
	}
	path := filepath.Join(t.TempDir(), "open.json")
	if err := os.WriteFile(path, []byte(`{}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (&app{settings: path}).readSettings(); err == nil {
		t.Error("a file that everybody can write counts")
	}
}
