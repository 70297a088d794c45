package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/backup"
	"averazure/internal/stackfile"
)

// A global service has a volume of the same name on every manager, and each manager backs
// up its own. Another manager's backup of the same night does not block a restore. On a
// manager that the service left long ago, the newer backup from elsewhere blocks it.
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
		time.Sleep(time.Hour) // newer than the backup with the release
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

// A damaged backup does not change the volume, and the service runs again.
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
		s.node.uses["shop_data"] = "by-hand" // no volume is replaced while something uses it
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
