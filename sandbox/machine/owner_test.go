package machine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

func TestAnotherCheckoutsSandboxIsRefused(t *testing.T) {
	r, other := room(t), t.TempDir()
	fake := withEngine(t, r)
	theirs := map[string]string{labelSandbox: "test", labelState: other}
	for path, answer := range map[string]any{
		"GET /networks":        []network.Summary{{ID: "n", Labels: theirs}},
		"GET /containers/json": []container.Summary{{ID: "c", Labels: theirs}},
		"GET /volumes":         volume.ListResponse{Volumes: []*volume.Volume{{Name: "v", Labels: theirs}}},
	} {
		fake.answers["GET /networks"], fake.answers["GET /containers/json"], fake.answers["GET /volumes"] = none, none, volume.ListResponse{}
		fake.answers[path] = answer
		err := r.refuseOthers(context.Background())
		if err == nil || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "--name") {
			t.Errorf("%s: the error is %v", path, err)
		}
	}
}

func TestOwnOldAndOrphanedObjectsAreOurs(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(r.StateDir, link); err != nil {
		t.Fatal(err)
	}
	fake.answers["GET /containers/json"], fake.answers["GET /volumes"] = none, volume.ListResponse{}
	fake.answers["GET /networks"] = []network.Summary{
		{ID: "own", Labels: r.labels("internet")},
		{ID: "old", Labels: map[string]string{labelSandbox: "test"}},
		{ID: "orphan", Labels: map[string]string{labelSandbox: "test", labelState: filepath.Join(t.TempDir(), "gone")}},
	}
	if err := r.refuseOthers(context.Background()); err != nil {
		t.Error(err)
	}
	r.StateDir = link // the same checkout, reached by another path
	if err := r.refuseOthers(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestASandboxRemembersItsInternet(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	choose := func(cidr string) (string, error) {
		prefix, err := chooseInternet(Options{Name: "test", StateDir: r.StateDir, CIDR: cidr})
		return prefix.String(), err
	}
	if got, err := choose(""); err != nil || got != DefaultCIDR {
		t.Errorf("a new sandbox has %s, %v", got, err)
	}
	fake.answers["GET /networks"] = none
	fake.failing["POST /networks/create"] = 403
	if err := r.ensureInternet(context.Background()); err == nil {
		t.Error("a network that cannot be made is made")
	}
	if got, err := choose("203.0.113.0/24"); err != nil || got != "203.0.113.0/24" {
		t.Errorf("after a failure another network is refused: %s, %v", got, err)
	}
	delete(fake.failing, "POST /networks/create")
	fake.answers["POST /networks/create"] = network.CreateResponse{ID: "n1"}
	if err := r.ensureInternet(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{"", r.CIDR, "198.51.100.9/24"} {
		if got, err := choose(same); err != nil || got != r.CIDR {
			t.Errorf("%q is %s, %v", same, got, err)
		}
	}
	if _, err := choose("203.0.113.0/24"); err == nil || !strings.Contains(err.Error(), r.CIDR) {
		t.Errorf("another network: the error is %v", err)
	}
}

func TestOverlappingAddressesHaveAWayOut(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.answers["GET /networks"] = none
	fake.failing["POST /networks/create"] = 403
	fake.saying = "Pool overlaps with other one on this address space"
	err := r.CreateNetwork(context.Background(), "vnet", "10.0.0.0/16")
	if err == nil || !strings.Contains(err.Error(), "averazure:vnetCidr") || !strings.Contains(err.Error(), "--network") {
		t.Errorf("the error is %v", err)
	}
}
