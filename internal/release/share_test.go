package release

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

func TestVolumesAreSharedAmongManagers(t *testing.T) {
	virtual(t, "as the service moves", func(t *testing.T) {
		l := newLibrary(t)
		first := map[string]string{"caddy/a.key": "the private key", "caddy/a.crt": "the certificate"}
		l.shelf["manager"].files, l.shelf["manager"].owner = maps.Clone(first), 472
		l.shelf["manager-2"].files["old"] = "stays"
		l.minute()
		l.want("manager-3", first)
		l.want("manager-2", map[string]string{"caddy/a.key": "the private key", "caddy/a.crt": "the certificate", "old": "stays"})
		if owner := l.shelf["manager-3"].owner; owner != 472 {
			t.Errorf("the volume belongs to %d", owner)
		}
		copies := l.copies()
		if len(copies) != 1 || bytes.Contains(copies[0].Spec.Data, []byte("private")) {
			t.Fatalf("%d copies, or one that can be read", len(copies))
		}
		// What did not change is neither stored nor written again.
		delete(l.shelf["manager-3"].files, "caddy/a.crt")
		l.minute()
		if again := l.copies(); len(again) != 1 || again[0].ID != copies[0].ID || len(l.shelf["manager-3"].files) != 1 {
			t.Errorf("without a change: %d copies, %v", len(again), l.shelf["manager-3"].files)
		}
		// A volume that somebody removed comes back.
		time.Sleep(rewritePause)
		l.minute()
		l.want("manager-3", first)
		// The service moves, and gets another certificate there.
		l.shelf[l.moves("manager")].files["caddy/a.crt"] = "renewed"
		l.minute()
		l.minute()
		for name, shelf := range l.shelf {
			if shelf.files["caddy/a.crt"] != "renewed" {
				t.Errorf("%s has %v", name, shelf.files)
			}
		}
		if copies := l.copies(); len(copies) != 1 {
			t.Errorf("%d copies", len(copies))
		}
		// The service goes, and with it the copy.
		expect(t, l.agents["manager"].Remove(t.Context(), stack), Runs, 0)
		if l.minute(); len(l.copies()) > 0 {
			t.Error("the copy outlives the service")
		}
	})
}

// A service that starts on a manager before its files are there does not cost them: only
// what it has made there itself replaces what was stored.
func TestAFreshVolumeDoesNotReplaceTheFiles(t *testing.T) {
	for name, made := range map[string]map[string]string{"empty": {}, "with files of its own": {"caddy/a.crt": "another"}} {
		virtual(t, name, func(t *testing.T) {
			l := newLibrary(t)
			l.shelf["manager"].files = map[string]string{"caddy/a.key": "the account", "caddy/a.crt": "the certificate"}
			l.minute()
			now := l.moves("manager")
			l.shelf[now].files = maps.Clone(made)
			l.agents[now].shares = newShares(l.agents[now].Deployer) // it has just started
			want := map[string]string{"caddy/a.key": "the account", "caddy/a.crt": cmp.Or(made["caddy/a.crt"], "the certificate")}
			l.minute()
			l.minute()
			l.want("manager", want)
		})
	}
}

// While no task runs, somebody may be restoring the volume.
func TestAVolumeThatNobodyUsesIsLeftAlone(t *testing.T) {
	virtual(t, "at 0", func(t *testing.T) {
		l := newLibrary(t)
		l.shelf["manager"].files["a"] = "b"
		l.minute()
		byHand(l.m, "shop_edge", scaled(0))
		for _, shelf := range l.shelf {
			shelf.files = map[string]string{"a": "restored"}
		}
		time.Sleep(rewritePause)
		l.minute()
		for name := range l.shelf {
			l.want(name, map[string]string{"a": "restored"})
		}
	})
}

// What cannot be shared is said once, and tried again.
func TestWhatPreventsSharingIsSaidOnce(t *testing.T) {
	for name, files := range map[string]map[string]string{"a large file": {"big": strings.Repeat("x", shareLimit)}, "many files": many(shareLimit / 512)} {
		virtual(t, name, func(t *testing.T) {
			l := newLibrary(t)
			l.shelf["manager"].files = files
			for range 3 {
				l.minute()
			}
			if l.j.has(errShareTooLarge.Error()) != 1 || len(l.copies()) > 0 {
				t.Errorf("%d copies, %q", len(l.copies()), l.j.lines)
			}
			l.shelf["manager"].files = map[string]string{"a": "b"}
			if l.minute(); len(l.copies()) != 1 {
				t.Error("it is not shared although it is small now")
			}
		})
	}
	virtual(t, "a full disk", func(t *testing.T) {
		l := newLibrary(t)
		l.shelf["manager"].files["a"] = "b"
		l.shelf["manager-2"].fail = errors.New("no space left on device")
		for range 3 {
			l.minute()
		}
		if l.j.has("no space left on device") != 1 {
			t.Errorf("%q", l.j.lines)
		}
		l.want("manager-3", map[string]string{"a": "b"})
		l.shelf["manager-2"].fail = nil
		l.minute()
		l.want("manager-2", map[string]string{"a": "b"})
	})
	virtual(t, "a change each minute", func(t *testing.T) {
		l := newLibrary(t)
		stored := map[string]bool{}
		for i := range 180 {
			l.shelf["manager"].files["log"] = fmt.Sprint(i)
			l.minute()
			for _, one := range l.copies() {
				stored[one.ID] = true
			}
		}
		if len(stored) < storeBurst+2 || len(stored) > storeBurst+4 || l.j.has("not shared") == 0 {
			t.Errorf("stored %d times in three hours", len(stored))
		}
	})
}

func many(files int) map[string]string {
	all := map[string]string{}
	for i := range files {
		all[fmt.Sprint(i)] = ""
	}
	return all
}

// A volume is not shared without the label, and neither if it has a driver's options: it may
// be a directory of the node.
func TestVolumesThatAreNotShared(t *testing.T) {
	for name, option := range map[string]func(*swarm.ServiceSpec){
		"no label": func(s *swarm.ServiceSpec) { delete(s.Labels, stackfile.LabelShare) },
		"false":    func(s *swarm.ServiceSpec) { s.Labels[stackfile.LabelShare] = "false" },
		"options":  bindTo("node.role==manager", volumeOf("local", "type=none", "o=bind", "device=/etc")),
		"two":      scaled(2),
		"bound":    bindTo("node.hostname==manager-2", volumeOf("")),
	} {
		virtual(t, name, func(t *testing.T) {
			l := newLibrary(t, option)
			l.shelf["manager"].files["a"] = "b"
			l.minute()
			l.want("manager-3", map[string]string{})
		})
	}
}
