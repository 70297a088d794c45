package hosts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/images"
	"averazure/sandbox/nameserver"
)

func TestTheNameServerAsksThisMachines(t *testing.T) {
	none := errors.New("none")
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"plain":   {map[string]string{"/etc/resolv.conf": "search x\nnameserver 192.0.2.53\nnameserver 2001:db8::1\n"}, "192.0.2.53:53"},
		"two":     {map[string]string{"/etc/resolv.conf": "nameserver 192.0.2.53\nnameserver 192.0.2.54 # other\n"}, "192.0.2.53:53 192.0.2.54:53"},
		"stub":    {map[string]string{"/etc/resolv.conf": "nameserver 127.0.0.53\n", "/run/systemd/resolve/resolv.conf": "nameserver 192.0.2.1\n"}, "192.0.2.1:53"},
		"only us": {map[string]string{"/etc/resolv.conf": "nameserver 127.0.0.1\n"}, engineResolver},
		"IPv6":    {map[string]string{"/etc/resolv.conf": "nameserver 2001:db8::1\n"}, engineResolver},
		"empty":   {map[string]string{"/etc/resolv.conf": "options edns0\n"}, ""},
		"nothing": {nil, ""},
	} {
		got := resolvers(func(file string) ([]byte, error) {
			if text, ok := test.files[file]; ok {
				return []byte(text), nil
			}
			return nil, none
		})
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestTheCloudsNamesAreServedBesideTheSandboxs(t *testing.T) {
	r := room(t)
	if err := r.writeNames("services", r.serviceTable()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old.example.com", "new.example.com"} {
		if err := r.SetNames([]string{"example.com"}, []nameserver.Record{{Name: name, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}); err != nil {
			t.Fatal(err)
		}
	}
	table, err := nameserver.Read(r.tableDir())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(table.Zones)
	known := map[string]string{}
	for _, record := range table.Records {
		known[record.Name] = record.Addresses[0].String()
	}
	if !slices.Equal(table.Zones, []string{"example.com", ServiceZone}) || len(known) != len(services)+1 ||
		known["new.example.com"] != "192.0.2.1" || known["names.sandbox.internal"] != r.NameServer() || r.NameServer() != "198.51.100.3" {
		t.Errorf("%v %v", table.Zones, known)
	}
	if files, _ := os.ReadDir(r.tableDir()); len(files) != 2 {
		t.Errorf("left over: %v", files)
	}
}

// A name server is replaced only if it is stopped or of another version. Whether it answers
// is not tested: that needs a real server.
func TestANameServerIsReplacedOnlyIfUnusable(t *testing.T) {
	before := namesTime
	namesTime = 0
	t.Cleanup(func() { namesTime = before })
	for name, test := range map[string]struct {
		state string
		image func(own string) string
		kept  bool
	}{
		"runs":               {"running", func(own string) string { return own }, true},
		"stands still":       {"exited", func(own string) string { return own }, false},
		"of another version": {"running", func(string) string { return images.Ref("names", "000000000000") }, false},
	} {
		r := room(t)
		fake := withEngine(t, r)
		base := images.Base{Key: "base"}
		key, err := namesRecipe().Key(base.Key)
		if err != nil {
			t.Fatal(err)
		}
		own := images.Ref("names", key)
		fake.Answers["GET /images/"+own+"/json"] = image.InspectResponse{}
		fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1", State: test.state, Image: test.image(own)}}
		fake.Answers["POST /containers/create"] = container.CreateResponse{ID: "c2"}
		err = r.ensureNames(context.Background(), base)
		if _, removed := fake.Changed("DELETE /containers/c1"); removed == test.kept {
			t.Errorf("%s: removed %v", name, removed)
		}
		if _, started := fake.Changed("POST /containers/c2/start"); started == test.kept || (err == nil) != test.kept {
			t.Errorf("%s: started %v, %v", name, started, err)
		}
	}
}

func TestNodesOfAnOlderVersionAreNamed(t *testing.T) {
	r := room(t)
	var said []string
	r.log = func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }
	fake := withEngine(t, r)
	node := func(name string, mounts ...container.MountPoint) container.Summary {
		return container.Summary{Labels: map[string]string{labelNode: name}, Mounts: mounts}
	}
	fake.Answers["GET /containers/json"] = []container.Summary{node("old", container.MountPoint{Destination: meshDir}), node("new", container.MountPoint{Destination: namesDir})}
	if err := r.tellOfOldNodes(context.Background()); err != nil || len(said) != 1 || !strings.HasSuffix(said[0], ": old") {
		t.Errorf("%q, %v", said, err)
	}
}

func TestANodeAsksWhereAzuresMachinesDo(t *testing.T) {
	files, err := seedFiles(testVM)
	if got := string(files["/etc/averazure/resolv.conf"]); err != nil || got != "nameserver 168.63.129.16\n" {
		t.Errorf("%q, %v", got, err)
	}
	_, host := room(t).nodeConfig(testVM, "image", cgroups{})
	for _, m := range host.Mounts {
		if m.Target == namesDir && m.ReadOnly && m.Source == "test-names" {
			return
		}
	}
	t.Errorf("no way to the name server in %+v", host.Mounts)
}
