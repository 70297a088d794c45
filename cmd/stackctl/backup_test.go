package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/backup"
	"averazure/internal/golden"
	"averazure/internal/release"
)

func (f *fake) Backup(context.Context) release.Result {
	f.note("backup", "")
	return f.result
}

func (f *fake) Thaw(context.Context) release.Result {
	f.note("thaw", "")
	return f.result
}

func (f *fake) List(context.Context) ([]backup.Backup, error) {
	f.note("backups", "")
	return f.backups, f.err
}

func (f *fake) Restore(_ context.Context, stack string, wish release.Wish) release.Result {
	f.note("restore", stack)
	f.wish = wish
	return f.result
}

const withBackups = `{"deployScope": "stack", "backup": {"container": "https://a.blob.core.windows.net/backups", "recipient": "ssh-ed25519 AAAA", "days": 30}}`

// aKey is a private key as the output backupPrivateKey is.
func aKey(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func TestBackupVerbs(t *testing.T) {
	key := aKey(t)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"backup":                         "backup",
		"backup --thaw --json":           "thaw",
		"backups":                        "backups",
		"restore aver":                   "restore aver",
		"restore aver --key " + file:     "restore aver",
		"restore aver --no-volumes":      "restore aver",
		"restore aver --volume a,b":      "restore aver",
		"restore aver --volume a --json": "restore aver",
	} {
		c := &call{settings: withBackups}
		if !strings.Contains(line, "--key") {
			c.stdin = key
		}
		c.run(t, strings.Fields(line)...)
		if c.status != 0 || c.did() != want || c.fake.backup.Days != 30 {
			t.Errorf("%s: status %d, did %q\n%s", line, c.status, c.did(), c.stderr)
		}
		if strings.HasSuffix(line, "--json") && !json.Valid([]byte(c.out)) {
			t.Errorf("%s: not one JSON value: %q", line, c.out)
		}
		if strings.HasPrefix(line, "restore") && c.fake.wish.Identity == nil {
			t.Errorf("%s: no key: %+v", line, c.fake.wish)
		}
	}
	c := (&call{settings: withBackups, stdin: key}).run(t, "restore", "aver", "--at", "2026-11-25T12:00:00Z", "--volume", "x")
	if c.status != 0 || !c.fake.wish.Until.Equal(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)) || c.fake.wish.Volumes[0] != "x" {
		t.Errorf("%+v", c.fake.wish)
	}
}

func TestBackupMistakes(t *testing.T) {
	key := aKey(t)
	for line, code := range map[string]string{
		"restore":                              "usage",
		"restore aver --at yesterday":          "usage",
		"restore Aver":                         "usage",
		"restore aver --volume a --no-volumes": "usage",
		"restore aver --key /nonexistent":      "key",
		"restore aver --key " + os.Args[0]:     "key",
	} {
		c := (&call{settings: withBackups, stdin: key}).run(t, append(strings.Fields(line), "--json")...)
		if r := c.result(t); c.status != 2 || r.Problems[0].Code != code || c.did() != "" {
			t.Errorf("%s: %d %+v, did %q", line, c.status, r, c.did())
		}
	}
	for _, line := range []string{"backup", "backups", "restore aver"} {
		c := (&call{stdin: key}).run(t, append(strings.Fields(line), "--json")...)
		if r := c.result(t); c.status != 2 || r.Problems[0].Code != "no-backups" {
			t.Errorf("%s without a container: %d %+v", line, c.status, r)
		}
	}
	if c := (&call{settings: withBackups, stdin: "not a key"}).run(t, "restore", "aver"); c.status != 2 || c.did() != "" {
		t.Errorf("%d, did %q", c.status, c.did())
	}
}

// The deploy key can neither make, list nor restore backups, nor recover.
func TestDeployKeyCannotReachBackups(t *testing.T) {
	for _, verb := range []string{"backup aver", "backups aver", "restore aver", "recover aver", "rebalance", "vacate aver-worker-1", "backup --thaw"} {
		c := (&call{settings: withBackups, env: map[string]string{"SSH_ORIGINAL_COMMAND": verb}}).run(t, "ssh")
		if c.status != 2 || c.did() != "" {
			t.Errorf("%s: %d, did %q", verb, c.status, c.did())
		}
	}
}

func TestListOfBackups(t *testing.T) {
	made := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)
	list := []backup.Backup{
		{Name: backup.Name{Kind: backup.Volume, Of: "aver_seq-data", Host: "aver-manager", Time: made}, Size: 123_456_789},
		{Name: backup.Name{Kind: backup.Swarm, Of: "swarm", Host: "aver-manager", Time: made.Add(-time.Hour)}, Size: 999},
	}
	var out bytes.Buffer
	table{out: &out}.backups(list)
	golden.Compare(t, "backups.txt", out.String())
	c := (&call{settings: withBackups, fake: &fake{backups: list}}).run(t, "backups", "--json")
	var got struct{ Backups []backup.Backup }
	if err := json.Unmarshal([]byte(c.out), &got); err != nil || len(got.Backups) != 2 || got.Backups[0] != list[0] {
		t.Errorf("%v: %s", err, c.out)
	}
	if c := (&call{settings: withBackups}).run(t, "backups", "--json"); c.out != "{\"backups\":[]}\n" {
		t.Error(c.out)
	}
}

// Status says how backups went, where any are made.
func TestStatusSaysHowBackupsWent(t *testing.T) {
	status := release.Status{Stack: "aver", Backups: []release.BackupStatus{{Host: "aver-manager", Whole: time.Now()}, {Host: "aver-manager-2", Problem: "no right"}}}
	c := (&call{settings: withBackups, fake: &fake{status: status}}).run(t, "status", "aver")
	if !strings.Contains(c.out, " aver-manager, ") || !strings.Contains(c.out, " aver-manager-2: no right") {
		t.Error(c.out)
	}
	if c := (&call{fake: &fake{status: status}}).run(t, "status", "aver", "--json"); strings.Contains(c.out, "backups") {
		t.Errorf("none are made, and it says %s", c.out)
	}
}
