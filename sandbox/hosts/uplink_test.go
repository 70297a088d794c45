package hosts

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/fabric"
)

var (
	forwarded = []fabric.Forward{{Frontend: "198.51.100.20", Protocol: "tcp", Port: 80, BackendPort: 80}}
	outward   = &fabric.Outbound{Frontend: "198.51.100.20", Protocol: "all"}
)

// standing is a stopped VM, with or without an address on the internet.
func standing(address string) []container.Summary {
	node := container.Summary{ID: "c1", State: "exited"}
	networks := map[string]*network.EndpointSettings{}
	if address != "" {
		networks["test-internet"] = &network.EndpointSettings{IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address}}
	}
	node.NetworkSettings = &container.NetworkSettingsSummary{Networks: networks}
	return []container.Summary{node}
}

func TestAnAddressIsAddedToAndRemovedFromARunningMachine(t *testing.T) {
	balanced := testVM
	balanced.PublicIP, balanced.NetworkCIDR, balanced.Forwards, balanced.Outbound = "", "10.0.0.0/16", forwarded, outward
	alone := testVM
	alone.PublicIP = ""
	for name, c := range map[string]struct {
		has        string
		vm         VM
		want, gone []string
	}{
		"the same":       {testVM.PublicIP, testVM, []string{"PUT /containers/c1/archive"}, []string{"POST /networks/test-internet/"}},
		"another":        {"198.51.100.77", testVM, []string{"POST /networks/test-internet/disconnect", "POST /networks/test-internet/connect", "PUT /containers/c1/archive"}, nil},
		"a first":        {"", testVM, []string{"POST /networks/test-internet/connect"}, []string{"POST /networks/test-internet/disconnect"}},
		"none":           {testVM.PublicIP, alone, []string{"POST /networks/test-internet/disconnect"}, []string{"POST /networks/test-internet/connect"}},
		"the balancer's": {"198.51.100.77", balanced, []string{"POST /networks/test-internet/disconnect", "POST /networks/test-internet/connect"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := room(t)
			fake := withEngine(t, r)
			fake.Answers["GET /containers/json"] = standing(c.has)
			if err := r.Connect(context.Background(), c.vm); err != nil {
				t.Fatal(err)
			}
			fake.MustChange(t, c.want...)
			for _, prefix := range c.gone {
				if _, ok := fake.Changed(prefix); ok {
					t.Errorf("%s was done in\n%s", prefix, strings.Join(fake.Changes, "\n"))
				}
			}
		})
	}
}

func TestConnectingARemovedMachineSucceeds(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = none
	if err := r.Connect(context.Background(), testVM); err != nil || len(fake.Changes) != 0 {
		t.Errorf("changes are %v, %v", fake.Changes, err)
	}
}

// uplinkOf is the VM's settled connection.
func uplinkOf(t *testing.T, r *Room, id string, forwards []fabric.Forward, out *fabric.Outbound, public string) fabric.Uplink {
	t.Helper()
	link, err := r.uplink(context.Background(), VM{ID: id, PrivateIP: "10.0.0.4", NetworkCIDR: "10.0.0.0/16", PublicIP: public, Forwards: forwards, Outbound: out})
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestHiddenAddressesAreGivenAndTakenBack(t *testing.T) {
	r := room(t)
	first := uplinkOf(t, r, "vm-1", forwarded, outward, "")
	second := uplinkOf(t, r, "vm-2", forwarded, nil, "")
	if !first.Hidden || first.Address == "" || first.Address == second.Address || first.Outbound != "all" || second.Outbound != "" {
		t.Errorf("%+v and %+v", first, second)
	}
	if again := uplinkOf(t, r, "vm-1", forwarded, outward, ""); again.Address != first.Address {
		t.Errorf("%s became %s", first.Address, again.Address)
	}
	if own := uplinkOf(t, r, "vm-1", forwarded, outward, "198.51.100.99"); own.Hidden || own.Address != "198.51.100.99" {
		t.Errorf("with an address of its own it is %+v", own)
	}
	if link := uplinkOf(t, r, "vm-3", nil, nil, ""); link.Hidden || link.Address != "" {
		t.Errorf("behind no balancer it is %+v", link)
	}
	if third := uplinkOf(t, r, "vm-4", forwarded, nil, ""); third.Address != first.Address {
		t.Errorf("the address that came back is not given out: %s", third.Address)
	}
}

func TestPortsOfTheFrontendAreDividedUp(t *testing.T) {
	r := room(t)
	ports := func(id string, many int) fabric.Outbound {
		t.Helper()
		o := *outward
		o.Ports = many
		settled, err := r.settlePorts(o, id)
		if err != nil {
			t.Fatal(err)
		}
		return settled
	}
	if a := ports("vm-1", 0); a.From != 64512 || a.To != 65535 {
		t.Errorf("%d-%d", a.From, a.To)
	}
	if b := ports("vm-2", 8000); b.From != 49536 || b.To != 57535 {
		t.Errorf("%d-%d", b.From, b.To)
	}
	if a := ports("vm-1", 8000); a.From != 57536 || a.To != 65535 {
		t.Errorf("%d-%d", a.From, a.To)
	}
	if err := r.forget(context.Background(), "vm-1"); err != nil {
		t.Fatal(err)
	}
	if c := ports("vm-3", 8000); c.From != 57536 {
		t.Errorf("what came back is not given out: %d", c.From)
	}
	o := *outward
	o.Ports = 64000
	if _, err := r.settlePorts(o, "vm-2"); err == nil {
		t.Error("more ports than there are")
	}
}

func TestTheBalancerKnowsMachinesByTheirAddresses(t *testing.T) {
	r, fake := readyToBoot(t)
	fake.Answers["GET /containers/json"] = none
	fake.Failing["POST /containers/c1/exec"] = 500 // the test ends here
	hidden := uplinkOf(t, r, "vm-2", forwarded, outward, "").Address
	out := *outward
	out.ID = "vm-2"
	err := r.Balance(context.Background(), fabric.Config{
		Listeners: []fabric.Listener{{Forward: forwarded[0], Members: []fabric.Member{{ID: "vm-1", Address: "198.51.100.10"}, {ID: "vm-2"}}}},
		Outbound:  []fabric.Outbound{out},
	})
	if err == nil || !strings.HasPrefix(err.Error(), "load balancer: ") {
		t.Errorf("the error is %v", err)
	}
	fake.MustChange(t, "POST /containers/create test-balancer", "POST /containers/c1/start")
	at, _ := fake.Changed("POST /containers/create")
	for _, want := range []string{r.balancerAddress(), "unless-stopped", balancerProgram} {
		if !strings.Contains(fake.Changes[at], want) {
			t.Errorf("the request is %s, without %s", fake.Changes[at], want)
		}
	}
	kept, err := os.ReadFile(r.balancerFile())
	if err != nil || !strings.Contains(string(kept), hidden) || !strings.Contains(string(kept), "64512") {
		t.Errorf("told %s, %v; want %s", kept, err, hidden)
	}
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1", State: "running"}}
	if err := r.Balance(context.Background(), fabric.Config{}); err != nil {
		t.Error(err)
	}
	fake.MustChange(t, "DELETE /containers/c1")
	if _, err := os.Stat(r.balancerFile()); err == nil {
		t.Error("what nobody wants balanced would be balanced again")
	}
}
