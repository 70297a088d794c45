package hosts

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

func TestAnotherCheckoutsSandboxIsRefused(t *testing.T) {
	r, other := room(t), t.TempDir()
	fake := withEngine(t, r)
	theirs := map[string]string{labelSandbox: "test", labelState: other}
	for path, answer := range map[string]any{
		"GET /networks":        []network.Summary{{ID: "n", Labels: theirs, Created: time.Now()}},
		"GET /containers/json": []container.Summary{{ID: "c", Labels: theirs}},
		"GET /volumes":         volume.ListResponse{Volumes: []*volume.Volume{{Name: "v", Labels: theirs}}},
	} {
		fake.Answers["GET /networks"], fake.Answers["GET /containers/json"], fake.Answers["GET /volumes"] = none, none, volume.ListResponse{}
		fake.Answers[path] = answer
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
	fake.Answers["GET /containers/json"], fake.Answers["GET /volumes"] = none, volume.ListResponse{}
	fake.Answers["GET /networks"] = []network.Summary{
		{ID: "own", Labels: r.labels("internet"), Created: time.Now()},
		{ID: "old", Labels: map[string]string{labelSandbox: "test"}, Created: time.Now()},
		{ID: "orphan", Labels: map[string]string{labelSandbox: "test", labelState: filepath.Join(t.TempDir(), "gone")}, Created: time.Now()},
		{ID: "left by another", Labels: map[string]string{labelSandbox: "test", labelState: t.TempDir()}},
	}
	if err := r.refuseOthers(context.Background()); err != nil {
		t.Error(err)
	}
	r.StateDir = link // the same checkout, reached by another path
	if err := r.refuseOthers(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestASandboxKeepsItsInternet(t *testing.T) {
	has := netip.MustParsePrefix("203.0.113.0/24")
	for asked, fails := range map[string]bool{"": false, "203.0.113.0/24": false, "203.0.113.9/24": false, "192.0.2.0/24": true} {
		r := room(t)
		if asked != "" {
			r.internet = netip.MustParsePrefix(asked).Masked()
		}
		fake := withEngine(t, r)
		fake.Answers["GET /networks"] = none
		before := r.internet
		if err := r.settleInternet(context.Background(), asked); err != nil || r.internet != before {
			t.Errorf("a new sandbox asked for %q: %s, %v", asked, r.internet, err)
		}
		fake.Answers["GET /networks"] = []network.Summary{{IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: has.String()}}}}}
		err := r.settleInternet(context.Background(), asked)
		if (err != nil) != fails || err == nil && (r.internet != has || r.registryHost() != "203.0.113.2") {
			t.Errorf("asked for %q: %s, %v", asked, r.internet, err)
		}
	}
}

func TestOverlappingAddressesHaveAWayOut(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /networks"] = none
	fake.Failing["POST /networks/create"] = 403
	fake.Saying = "Pool overlaps with other one on this address space"
	err := r.CreateNetwork(context.Background(), "vnet", "10.0.0.0/16")
	if err == nil || !strings.Contains(err.Error(), "averazure:vnetCidr") || !strings.Contains(err.Error(), "--network") {
		t.Errorf("the error is %v", err)
	}
}
