package release

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/docker/docker/api/types/swarm"
	"golang.org/x/crypto/ssh"

	"averazure/internal/backup"
	"averazure/internal/stackfile"
)

// pair is a key pair for backups.
func pair(t *testing.T) (age.Recipient, age.Identity) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	recipient, err1 := backup.Recipient(string(ssh.MarshalAuthorizedKey(key)))
	identity, err2 := backup.Identity(pem.EncodeToMemory(block))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return recipient, identity
}

type backingUp struct {
	m        *memory
	node     *node
	b        *Backups
	store    *backup.Memory
	identity age.Identity
}

// backing is a manager that makes backups into a store; a Swarm of its own each time.
func backing(t *testing.T, store *backup.Memory, recipient age.Recipient, identity age.Identity, names ...string) *backingUp {
	t.Helper()
	s := &backingUp{m: newMemory(names...), store: store, identity: identity,
		node: &node{dir: t.TempDir(), driver: "local", uses: map[string]string{}, paused: map[string]bool{}, fail: map[string]error{}}}
	d := newDeployer(t, s.m)
	s.b = &Backups{Deployer: d, Engine: s.node, Store: store, Recipient: recipient, Days: 30, Frozen: filepath.Join(t.TempDir(), "run", "frozen")}
	return s
}

func labelled(value string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { s.Labels[stackfile.LabelBackup] = value }
}

func once(s *swarm.ServiceSpec) { one := uint64(1); s.Mode.Replicated.Replicas = &one }

func inStore(store *backup.Memory) []string {
	var names []string
	for name := range store.Objects {
		kind, rest, _ := strings.Cut(name, "/")
		of, rest, _ := strings.Cut(rest, "/")
		host, _, _ := strings.Cut(rest, "/")
		names = append(names, kind+" "+of+" "+host)
	}
	slices.Sort(names)
	return names
}

// Each manager backs up the volumes that are on it. The leader reports the volumes that
// nobody can back up, and removes backups that are too old.
func TestManagersShareTheBackups(t *testing.T) {
	recipient, identity := pair(t)
	virtual(t, "leader", func(t *testing.T) {
		old := backup.Name{Kind: backup.Swarm, Of: swarmName, Host: "manager", Time: time.Now().AddDate(0, 0, -31).UTC().Truncate(time.Second)}.String()
		store := &backup.Memory{Objects: map[string][]byte{old: nil, "notes.txt": nil}}
		s := backing(t, store, recipient, identity, "manager", "worker")
		on := func(name string) func(*swarm.ServiceSpec) {
			return func(s *swarm.ServiceSpec) {
				s.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{"node.hostname==" + name}}
			}
		}
		expect(t, deploys(s.b.Deployer, specsOf(service("a", "run:1", keeps("shop_a"), labelled(stackfile.BackupTrue), once, on("worker")),
			service("b", "run:1", keeps("shop_b"), labelled("yes"), once), service("c", "run:1", keeps("shop_c"), once),
			service("d", "run:1", keeps("shop_d"), labelled(stackfile.BackupTrue), once, on("manager")))), Runs, 1)
		s.node.write(t, "shop_d", "d")
		got := s.b.Backup(t.Context())
		var codes []string
		for _, p := range got.Problems {
			codes = append(codes, p.Code+" "+p.Service+" "+p.Node)
		}
		if want := []string{"backup-label shop_b ", "not-backed-up shop_a worker"}; got.Outcome != Failed || !slices.Equal(codes, want) {
			t.Errorf("%v, want %v: %+v", codes, want, got)
		}
		if names := inStore(store); !slices.Equal(names, []string{"notes.txt  ", "swarm swarm manager", "volume shop_d manager"}) {
			t.Errorf("%v", names)
		}
		if _, is := store.Objects[old]; is {
			t.Error("the old one is there still")
		}
		s.m.node(t, "manager").ManagerStatus.Leader = false
		newer := strings.Replace(old, old[len(old)-len("20060102T150405Z.age"):], "20260101T000000Z.age", 1)
		store.Objects = map[string][]byte{old: nil, newer: nil}
		s.b.Now = func() time.Time { return time.Now().Add(time.Hour) }
		if got := s.b.Backup(t.Context()); got.Outcome != Runs || !slices.Equal(inStore(store), []string{"swarm swarm manager", "swarm swarm manager", "volume shop_d manager"}) {
			t.Errorf("who does not lead: %+v, %v", got, inStore(store))
		}
	})
}

// A backup pauses nothing in the middle of a deployment.
func TestBackupsWaitForDeployments(t *testing.T) {
	recipient, identity := pair(t)
	for name, ends := range map[string]bool{"it ends": true, "it goes on": false} {
		virtual(t, name, func(t *testing.T) {
			s := backing(t, &backup.Memory{}, recipient, identity, "manager", "manager-2")
			expect(t, deploys(s.b.Deployer, specsOf(service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
			s.node.write(t, "shop_data", "x")
			s.node.uses["shop_data"] = "c1"
			holds(t, s.m, "manager-2", func(labels map[string]string) {
				labels[labelUntil] = strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)
			})
			if ends {
				go func() {
					time.Sleep(time.Hour)
					if len(s.node.did) > 0 {
						t.Errorf("did %v beside a deployment", s.node.did)
					}
					s.m.mutex.Lock()
					defer s.m.mutex.Unlock()
					s.m.configs = slices.DeleteFunc(s.m.configs, func(c swarm.Config) bool { return c.Spec.Name == claimName(stack) })
				}()
				expect(t, s.b.Backup(t.Context()), Runs, 0)
				return
			}
			began := time.Now()
			if expect(t, s.b.Backup(t.Context()), Failed, 0, "backup"); len(s.node.did) > 0 || time.Since(began) > 3*time.Hour {
				t.Errorf("did %v beside a deployment, and waited for %s", s.node.did, time.Since(began))
			}
			status, err := s.b.Status(t.Context(), stack)
			if err != nil || len(status.Backups) != 1 || status.Backups[0].Trouble(time.Now()) == "" {
				t.Errorf("status says %+v, %v", status.Backups, err)
			}
		})
	}
}

// Every manager can report how the backups of each manager went. A failure keeps the time
// of the last complete backup. Nodes that are no longer managers are skipped.
func TestEveryManagerSaysHowBackupsWent(t *testing.T) {
	recipient, identity := pair(t)
	virtual(t, "notes", func(t *testing.T) {
		s := backing(t, &backup.Memory{}, recipient, identity, "manager", "worker")
		expect(t, deploys(s.b.Deployer, specsOf(service("api", "run:1"))), Runs, 1)
		said := func() []BackupStatus {
			status, err := s.b.Status(t.Context(), stack)
			if err != nil || !status.InSync {
				t.Fatalf("%v, %+v", err, status.Differences)
			}
			return status.Backups
		}
		if none := said(); len(none) != 0 {
			t.Errorf("before the first: %+v", none)
		}
		s.store.Fail = func(string, string) error { return errors.New("no right") }
		s.b.Backup(t.Context())
		if failed := said(); len(failed) != 1 || !failed[0].Whole.IsZero() || !strings.Contains(failed[0].Trouble(time.Now()), "no right") {
			t.Errorf("the first failed: %+v", failed)
		}
		s.store.Fail = nil
		whole := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		s.b.Now = func() time.Time { return whole }
		if got := s.b.Backup(t.Context()); got.Outcome != Runs {
			t.Fatalf("%+v", got)
		}
		if now := said(); len(now) != 1 || !now[0].Whole.Equal(whole) || now[0].Trouble(whole.Add(49*time.Hour)) != "" || now[0].Trouble(whole.Add(51*time.Hour)) == "" {
			t.Errorf("the second did not: %+v", now)
		}
		s.store.Fail = func(string, string) error { return errors.New("no right") }
		s.b.Now = func() time.Time { return whole.Add(time.Hour) }
		s.b.Backup(t.Context())
		if now := said(); len(now) != 1 || !now[0].Whole.Equal(whole) || now[0].Trouble(whole) == "" {
			t.Errorf("the third failed: %+v", now)
		}
		s.b.Host = "worker" // the host was a manager once
		s.b.Backup(t.Context())
		if now := said(); len(now) != 1 {
			t.Errorf("%+v", now)
		}
		made, err := s.b.Snapshot(t.Context())
		if err != nil || slices.ContainsFunc(made.Configs, func(c swarm.ConfigSpec) bool { return c.Labels[labelBackedUp] != "" }) {
			t.Errorf("the notes are in a backup: %v", err)
		}
	})
}
