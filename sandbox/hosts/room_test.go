package hosts

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/engine"
	"averazure/sandbox/engine/enginetest"
)

// room has no engine.
func room(t *testing.T) *Room {
	t.Helper()
	return &Room{
		Name: "test", CIDR: "198.51.100.0/24", StateDir: t.TempDir(), cacheDir: t.TempDir(), trustDir: t.TempDir(),
		internet: netip.MustParsePrefix("198.51.100.0/24"), log: t.Logf,
	}
}

// withEngine gives the room a fake engine.
func withEngine(t *testing.T, r *Room) *enginetest.Engine {
	t.Helper()
	fake, docker := enginetest.New(t)
	r.docker, r.engine = docker, &engine.Engine{Host: docker.DaemonHost(), Client: docker}
	return fake
}

func TestTheInternetIsAnIPv4Slash24(t *testing.T) {
	for _, bad := range []string{"", "203.0.113.0", "203.0.113.0/25", "2001:db8::/24", "nonsense/24"} {
		if _, err := parseInternet(bad); err == nil {
			t.Errorf("%q: the error is %v", bad, err)
		}
	}
	got, err := parseInternet("203.0.113.77/24")
	if err != nil || got.String() != "203.0.113.0/24" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFixedAddresses(t *testing.T) {
	r := room(t)
	if got := r.HostAddress(); got != "198.51.100.1" {
		t.Errorf("the host is %s", got)
	}
	got := r.Registry()
	if got.Server != "198.51.100.2:5000" || got.Mirror != "https://198.51.100.2:5001" {
		t.Errorf("the registry is %+v", got)
	}
}

func TestTheRegistryLoginsAreMadeOnce(t *testing.T) {
	r := room(t)
	logins := func(r *Room) Logins {
		t.Helper()
		l, err := r.RegistryLogins()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := logins(r)
	if again := logins(r); len(first.Push.Password) < 20 || len(first.Pull.Password) < 20 || again != first {
		t.Errorf("logins are %v and %v", first, again)
	}
	if first.Push.Username == first.Pull.Username || first.Push.Password == first.Pull.Password {
		t.Errorf("the two logins are one: %v", first)
	}
	if logins(room(t)).Push.Password == first.Push.Password {
		t.Error("two sandboxes have the same password")
	}
	file := filepath.Join(r.StateDir, "registry.json")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the password's file: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.RegistryLogins(); err == nil || !strings.Contains(err.Error(), "registry.json") {
		t.Errorf("of a damaged file: %v", err)
	}
}

// The registry of an older version keeps running with its one login.
func TestAnOlderRegistryKeepsItsOneLogin(t *testing.T) {
	r := room(t)
	if err := os.WriteFile(filepath.Join(r.StateDir, "registry.json"), []byte(`{"Password": "of-before"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	logins, err := r.RegistryLogins()
	if err != nil || logins.Push.Password != "of-before" || logins.Pull.Username != "" {
		t.Errorf("logins are %v, %v", logins, err)
	}
}

func TestPublicAddresses(t *testing.T) {
	r, ctx := room(t), context.Background()
	allocate := func(id string) string {
		t.Helper()
		address, err := r.AllocatePublicIP(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	if got := allocate("a"); got != "198.51.100.10" {
		t.Errorf("the first address is %s", got)
	}
	if allocate("b") != "198.51.100.11" || allocate("a") != "198.51.100.10" {
		t.Error("an address is given twice, or a holder's changes")
	}
	if err := r.ReleasePublicIP(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if got := allocate("c"); got != "198.51.100.10" {
		t.Errorf("a released address is not given again, but %s", got)
	}
}

func TestPublicAddressesAreKept(t *testing.T) {
	r, ctx := room(t), context.Background()
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if _, err := r.AllocatePublicIP(ctx, string(rune('a'+i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	held := map[string]string{}
	if err := readJSON(filepath.Join(r.StateDir, "addresses.json"), &held); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, address := range held {
		seen[address] = true
	}
	if len(held) != 20 || len(seen) != 20 {
		t.Errorf("20 holders have %d records and %d addresses", len(held), len(seen))
	}
}

func TestANetworkOfOtherAddressesIsRefused(t *testing.T) {
	found := network.Summary{Name: "test-internet", IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: "192.0.2.0/24"}}}}
	if err := sameSubnet(found, "192.0.2.0/24"); err != nil {
		t.Error(err)
	}
	if err := sameSubnet(found, "198.51.100.0/24"); err == nil || !strings.Contains(err.Error(), "192.0.2.0/24") {
		t.Errorf("the error is %v", err)
	}
}

func TestAFullInternetIsReported(t *testing.T) {
	r, held := room(t), map[string]string{}
	for n := firstPublic; n <= lastPublic; n++ {
		held[string(rune(n))] = r.address(byte(n))
	}
	if got := r.freeAddress(held); got != "" {
		t.Errorf("%s is free", got)
	}
}

func TestADamagedRecordIsNamed(t *testing.T) {
	r := room(t)
	file := filepath.Join(r.StateDir, "addresses.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.AllocatePublicIP(context.Background(), "a"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v", err)
	}
}

func TestEveryObjectIsLabelled(t *testing.T) {
	r := room(t)
	labels := r.labels("node", labelVM, "id", labelNode, "aver-manager")
	if labels[labelSandbox] != "test" || labels[labelRole] != "node" || labels[labelVM] != "id" {
		t.Errorf("labels are %v", labels)
	}
	filter := r.mine(labelVM, "id")
	if !filter.ExactMatch("label", labelSandbox+"=test") || !filter.ExactMatch("label", labelVM+"=id") {
		t.Errorf("the filter is %v", filter)
	}
}

func TestTheHubIsAskedOnce(t *testing.T) {
	r := room(t)
	for text, want := range map[string]bool{"hub\n": true, "packages\n": false} {
		if err := os.WriteFile(filepath.Join(r.StateDir, "source"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := r.hub(context.Background()); err != nil || got != want {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
}
