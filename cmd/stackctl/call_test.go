package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"averazure/internal/release"
)

const aFile = "services:\n  api:\n    image: ghcr.io/org/api:1\n"

// call is one call of stackctl in a test.
type call struct {
	fake     *fake
	stdin    string
	env      map[string]string
	settings string

	status      int
	out, stderr string
}

func (c *call) run(t *testing.T, args ...string) *call {
	t.Helper()
	if c.fake == nil {
		c.fake = &fake{result: release.Result{Outcome: release.Runs, Release: 4, Verdict: "aver: release 4 runs"}}
	}
	path := filepath.Join(t.TempDir(), "stackctl.json")
	if c.settings != "" {
		if err := os.WriteFile(path, []byte(c.settings), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, stderr bytes.Buffer
	a := &app{in: strings.NewReader(c.stdin), out: &out, err: &stderr, settings: path,
		env: func(name string) string { return c.env[name] },
		connect: func(bounds release.Settings, _ func(string, ...any)) (deployer, error) {
			c.fake.bounds = bounds
			return c.fake, nil
		},
		connectBackups: func(s settings, _ func(string, ...any)) (backups, error) {
			c.fake.backup = *s.Backup
			return c.fake, c.fake.err
		}}
	c.status = a.run(t.Context(), args)
	c.out, c.stderr = out.String(), stderr.String()
	return c
}

func (c *call) did() string { return strings.Join(c.fake.did, ", ") }

// result reads the one JSON value on standard output.
func (c *call) result(t *testing.T) release.Result {
	t.Helper()
	var r release.Result
	decoder := json.NewDecoder(strings.NewReader(c.out))
	if err := decoder.Decode(&r); err != nil || decoder.More() {
		t.Fatalf("not one JSON value: %v: %q; status %d, %s", err, c.out, c.status, c.stderr)
	}
	return r
}
