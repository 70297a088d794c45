package release

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"
	volumetypes "github.com/docker/docker/api/types/volume"
	"golang.org/x/crypto/ssh"

	"averazure/internal/backup"
	"averazure/internal/stackfile"
)

// node is a Docker in memory whose volumes are directories. A container runs for each
// volume in uses.
type node struct {
	dir    string
	driver string
	uses   map[string]string // container by volume
	paused map[string]bool
	did    []string
	fail   map[string]error // by what is done
}

func (n *node) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	name := o.Filters.Get("volume")[0]
	if id := n.uses[name]; id != "" && !n.paused[id] {
		return []container.Summary{{ID: id, Names: []string{"/" + id}}}, n.fail["list"]
	}
	return nil, n.fail["list"]
}

func (n *node) ContainerPause(_ context.Context, id string) error {
	n.did = append(n.did, "pause "+id)
	if n.fail["pause"] == nil {
		n.paused[id] = true
	}
	return n.fail["pause"]
}

func (n *node) ContainerUnpause(_ context.Context, id string) error {
	n.did = append(n.did, "unpause "+id)
	if !n.paused[id] {
		return errors.New("container is not paused")
	}
	if n.fail["unpause"] == nil {
		delete(n.paused, id)
	}
	return n.fail["unpause"]
}

func (n *node) VolumeInspect(_ context.Context, name string) (volumetypes.Volume, error) {
	if _, err := os.Stat(n.place(name)); err != nil {
		return volumetypes.Volume{}, errdefs.ErrNotFound
	}
	return volumetypes.Volume{Name: name, Driver: n.driver, Mountpoint: n.place(name)}, nil
}

func (n *node) VolumeCreate(_ context.Context, o volumetypes.CreateOptions) (volumetypes.Volume, error) {
	return volumetypes.Volume{}, os.MkdirAll(n.place(o.Name), 0o755)
}

func (n *node) place(name string) string { return filepath.Join(n.dir, name, "_data") }

func (n *node) write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(n.place(name), 0o755), os.WriteFile(filepath.Join(n.place(name), "file"), []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func (n *node) read(name string) string {
	content, _ := os.ReadFile(filepath.Join(n.place(name), "file"))
	return string(content)
}

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

// A global service has a volume of the same name on every manager, and each manager backs up
// its own: that is not elsewhere. One that was left long ago is.
func TestRestoreOfAVolumeOnSeveralManagers(t *testing.T) {
	recipient, identity := pair(t)
	for later, outcome := range map[time.Duration]Outcome{10 * time.Minute: Runs, 24 * time.Hour: Refused} {
		store := &backup.Memory{}
		for i, host := range []string{"manager", "manager-2"} {
			virtual(t, fmt.Sprintf("%s after %s", host, later), func(t *testing.T) {
				s := backing(t, store, recipient, identity, host)
				time.Sleep(time.Duration(i) * later)
				expect(t, deploys(s.b.Deployer, specsOf(service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
				s.node.write(t, "shop_data", "of "+host)
				if got := s.b.Backup(t.Context()); got.Outcome != Runs {
					t.Fatalf("%+v", got)
				}
			})
		}
		virtual(t, fmt.Sprintf("restored after %s", later), func(t *testing.T) {
			s := backing(t, store, recipient, identity, "manager")
			s.node.write(t, "shop_data", "")
			if got := s.b.Restore(t.Context(), stack, Wish{Identity: identity}); got.Outcome != outcome || outcome == Runs && s.node.read("shop_data") != "of manager" {
				t.Errorf("%s, %q: %s", got.Outcome, s.node.read("shop_data"), got.Verdict)
			}
		})
	}
}

// Everything is lost, and a new cluster gets the services and their data back.
func TestBackupAndRestoreIntoAnEmptySwarm(t *testing.T) {
	recipient, identity := pair(t)
	store := &backup.Memory{}
	virtual(t, "lost", func(t *testing.T) {
		old := backing(t, store, recipient, identity, "manager")
		expect(t, deploys(old.b.Deployer, specsOf(service("api", "run:1"), service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
		old.node.write(t, "shop_data", "of yesterday")
		old.node.uses["shop_data"] = "c1"
		if got := old.b.Backup(t.Context()); got.Outcome != Runs || !strings.HasSuffix(got.Verdict, " shop_data") {
			t.Fatalf("%+v", got)
		}
		if did := strings.Join(old.node.did, ", "); did != "pause c1, unpause c1" || len(old.node.paused) > 0 {
			t.Errorf("did %s", did)
		}
		if names := inStore(store); !slices.Equal(names, []string{"swarm swarm manager", "volume shop_data manager"}) {
			t.Errorf("%v", names)
		}
		for name, data := range store.Objects {
			if strings.Contains(string(data), "yesterday") || strings.Contains(string(data), "shop") {
				t.Errorf("%s can be read", name)
			}
		}
	})
	virtual(t, "restored", func(t *testing.T) {
		fresh := backing(t, store, recipient, identity, "manager")
		got := fresh.b.Restore(t.Context(), stack, Wish{Identity: identity})
		expect(t, got, Runs, 1)
		if running := runningImages(fresh.m); running["shop_db"] != "run:3" || running["shop_api"] != "run:1" || fresh.node.read("shop_data") != "of yesterday" {
			t.Errorf("runs %v, has %q", running, fresh.node.read("shop_data"))
		}
		_, other := pair(t)
		if got := fresh.b.Restore(t.Context(), stack, Wish{Identity: other}); got.Outcome != Refused || got.Problems[0].Code != "backup" {
			t.Errorf("another key: %+v", got)
		}
	})
	virtual(t, "on another manager", func(t *testing.T) {
		fresh := backing(t, store, recipient, identity, "manager-2")
		fresh.node.write(t, "shop_data", "of today")
		expect(t, fresh.b.Restore(t.Context(), stack, Wish{Identity: identity}), Refused, 0, "elsewhere")
		if len(fresh.m.services) > 0 {
			t.Errorf("started with an empty volume: %+v", fresh.m.services)
		}
		expect(t, fresh.b.Restore(t.Context(), stack, Wish{Identity: identity, NoVolumes: true}), Runs, 1)
		if has := fresh.node.read("shop_data"); has != "of today" {
			t.Errorf("a volume of another node was restored: %q", has)
		}
		expect(t, fresh.b.Restore(t.Context(), stack, Wish{Identity: identity, NoVolumes: true, Volumes: []string{"shop_data"}}), Runs, 1)
		expect(t, fresh.b.Restore(t.Context(), stack, Wish{Identity: identity, Volumes: []string{"shop_data"}}), Runs, 1)
		if has := fresh.node.read("shop_data"); has != "of yesterday" {
			t.Errorf("it was named, and is %q", has)
		}
	})
	virtual(t, "what is not there", func(t *testing.T) {
		fresh := backing(t, store, recipient, identity, "manager")
		for _, wish := range []Wish{{Volumes: []string{"other"}}, {Until: time.Unix(0, 0)}} {
			wish.Identity = identity
			if got := fresh.b.Restore(t.Context(), stack, wish); got.Outcome != Refused || len(fresh.m.services) > 0 {
				t.Errorf("%+v: %+v", wish, got)
			}
		}
		expect(t, fresh.b.Restore(t.Context(), "blog", Wish{Identity: identity}), Refused, 0, "no-release")
	})
	virtual(t, "after a night of the new Swarm", func(t *testing.T) {
		time.Sleep(time.Hour) // newer than the one with the release
		fresh := backing(t, store, recipient, identity, "manager")
		expect(t, fresh.b.Backup(t.Context()), Runs, 0)
		expect(t, fresh.b.Restore(t.Context(), stack, Wish{Identity: identity}), Runs, 1)
	})
	virtual(t, "after a night with another key", func(t *testing.T) {
		time.Sleep(2 * time.Hour)
		recipient, other := pair(t)
		fresh := backing(t, store, recipient, other, "manager")
		expect(t, deploys(fresh.b.Deployer, specsOf(service("api", "run:9"), service("db", "run:9", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
		fresh.node.write(t, "shop_data", "of another key")
		expect(t, fresh.b.Backup(t.Context()), Runs, 0)
		expect(t, fresh.b.Restore(t.Context(), stack, Wish{Identity: identity}), Runs, 2)
		if has := fresh.node.read("shop_data"); has != "of yesterday" || runningImages(fresh.m)["shop_db"] != "run:3" {
			t.Errorf("runs %v, has %q", runningImages(fresh.m), has)
		}
	})
	virtual(t, "the store is away", func(t *testing.T) {
		store.Fail = func(string, string) error { return errors.New("403") }
		defer func() { store.Fail = nil }()
		expect(t, backing(t, store, recipient, identity, "manager").b.Restore(t.Context(), stack, Wish{Identity: identity}), Failed, 0, "backup")
	})
}

// A volume whose backups are all for another key is not passed over: its service would start
// with an empty one.
func TestRestoreOfAVolumeThatIsForAnotherKey(t *testing.T) {
	store := &backup.Memory{}
	recipient, identity := pair(t)
	other, _ := pair(t)
	virtual(t, "backed up", func(t *testing.T) {
		s := backing(t, store, recipient, identity, "manager")
		expect(t, deploys(s.b.Deployer, specsOf(service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
		expect(t, s.b.Backup(t.Context()), Failed, 0, "backup") // the volume is not there yet
		s.node.write(t, "shop_data", "of another key")
		s.b.Recipient = other
		s.b.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		expect(t, s.b.Backup(t.Context()), Runs, 0)
	})
	virtual(t, "restored", func(t *testing.T) {
		s := backing(t, store, recipient, identity, "manager")
		for _, wish := range []Wish{{}, {Volumes: []string{"shop_data"}}} {
			wish.Identity = identity
			expect(t, s.b.Restore(t.Context(), stack, wish), Refused, 0, "backup")
		}
		if _, err := s.b.restoration(t.Context(), stack, Wish{Identity: identity}); !errors.Is(err, backup.ErrOtherKey) || len(s.m.services) > 0 {
			t.Errorf("%v, %d services", err, len(s.m.services))
		}
		expect(t, s.b.Restore(t.Context(), stack, Wish{Identity: identity, NoVolumes: true}), Runs, 1)
	})
}

// A cut backup leaves the volume, and the service runs again.
func TestRestoreOfADamagedBackup(t *testing.T) {
	recipient, identity := pair(t)
	store := &backup.Memory{}
	virtual(t, "damaged", func(t *testing.T) {
		s := backing(t, store, recipient, identity, "manager")
		expect(t, deploys(s.b.Deployer, specsOf(service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupLive), once))), Runs, 1)
		s.node.write(t, "shop_data", "of yesterday")
		if got := s.b.Backup(t.Context()); got.Outcome != Runs || len(s.node.did) != 0 {
			t.Fatalf("%+v, did %v", got, s.node.did)
		}
		s.node.write(t, "shop_data", "of today")
		s.node.uses["shop_data"] = "by-hand" // nobody's volume is replaced while it is used
		if got := s.b.Restore(t.Context(), stack, Wish{Identity: identity}); got.Outcome != PutBack || s.node.read("shop_data") != "of today" {
			t.Errorf("%+v", got)
		}
		delete(s.node.uses, "shop_data")
		for name, data := range store.Objects {
			if strings.HasPrefix(name, "volume/") {
				store.Objects[name] = data[:len(data)-1]
			}
		}
		got := s.b.Restore(t.Context(), stack, Wish{Identity: identity})
		if got.Outcome != PutBack || s.node.read("shop_data") != "of today" || runningImages(s.m)["shop_db"] != "run:3" {
			t.Errorf("%+v, %q", got, s.node.read("shop_data"))
		}
	})
}

// Each manager backs up what is on it; the leader says what nobody can, and removes what
// is too old.
func TestWhoBacksUpWhat(t *testing.T) {
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

// Whatever fails, nobody stands still afterwards, and the rest is backed up.
func TestNobodyStaysFrozen(t *testing.T) {
	recipient, identity := pair(t)
	for what, spoil := range map[string]func(*backingUp){
		"the store takes nothing": func(s *backingUp) {
			s.store.Fail = func(verb, name string) error {
				if verb == "put" && strings.HasPrefix(name, "volume/") {
					return errors.New("no right")
				}
				return nil
			}
		},
		"the volume is gone":      func(s *backingUp) { _ = os.RemoveAll(s.node.place("shop_data")) },
		"of another driver":       func(s *backingUp) { s.node.driver = "nfs" },
		"it cannot be stopped":    func(s *backingUp) { s.node.fail["pause"] = errors.New("no cgroup") },
		"nobody says who uses it": func(s *backingUp) { s.node.fail["list"] = errors.New("away") },
	} {
		virtual(t, what, func(t *testing.T) {
			s := backing(t, &backup.Memory{}, recipient, identity, "manager")
			expect(t, deploys(s.b.Deployer, specsOf(service("db", "run:3", keeps("shop_data"), labelled(stackfile.BackupTrue), once))), Runs, 1)
			s.node.write(t, "shop_data", "x")
			s.node.uses["shop_data"] = "c1"
			spoil(s)
			got := s.b.Backup(t.Context())
			if got.Outcome != Failed || len(got.Problems) != 1 || got.Problems[0].Code != "backup" || len(s.node.paused) > 0 {
				t.Errorf("%+v; %v stand still", got, s.node.paused)
			}
			if names := inStore(s.store); !slices.Equal(names, []string{"swarm swarm manager"}) {
				t.Errorf("%v", names)
			}
			if _, err := os.Stat(s.b.Frozen); err == nil {
				t.Error("the note of who stands still is there still")
			}
		})
	}
}

// Nothing stands still for a backup in the middle of a deployment.
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

// Every manager can say how the backups of each went; a failure keeps the time of the last
// whole one, and nodes that are no longer managers are passed over.
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
		s.b.Host = "worker" // which was a manager once
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

// Who comes after a process that died has its containers go on.
func TestThaw(t *testing.T) {
	recipient, identity := pair(t)
	s := backing(t, &backup.Memory{}, recipient, identity, "manager")
	s.node.uses["shop_data"] = "c1"
	unlock, err := s.b.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.b.freeze(t.Context(), "shop_data"); err != nil || !s.node.paused["c1"] {
		t.Fatal(err)
	}
	// While that one is alive, nobody else freezes anything or has anything go on.
	expect(t, s.b.Backup(t.Context()), Busy, 0, "busy")
	expect(t, s.b.Thaw(t.Context()), Runs, 0)
	if !s.node.paused["c1"] || len(inStore(s.store)) > 0 {
		t.Errorf("%v stand still, %v was stored", s.node.paused, inStore(s.store))
	}
	unlock()
	s.node.fail["unpause"] = errors.New("away")
	expect(t, s.b.Thaw(t.Context()), Failed, 0, "backup")
	s.node.fail["unpause"] = nil
	for range 2 {
		if expect(t, s.b.Thaw(t.Context()), Runs, 0); len(s.node.paused) > 0 {
			t.Errorf("%v stand still", s.node.paused)
		}
	}
}
