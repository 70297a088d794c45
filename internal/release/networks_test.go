package release

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/docker/docker/api/types/network"
)

// Docker reports a network that is not found with the status of an internal error.
func TestNetworkRemovedMeanwhileIsCreatedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		removed := false
		m.before = func(method string) error {
			if method == "ServiceCreate" && !removed {
				m.networks, removed = nil, true
			}
			if method == "ServiceCreate" && len(m.networks) == 0 {
				return errors.New("Error response from daemon: network shop_net not found")
			}
			return nil
		}
		specs := specsOf(service("api", "run:1"))
		specs.Networks = map[string]network.CreateOptions{"shop_net": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
		expect(t, deploys(d, specs), Runs, 1)
		if !removed || len(m.networks) != 1 {
			t.Errorf("%d networks", len(m.networks))
		}
	})
}

func TestNetworkOptionsThatDockerWouldIgnoreAreRefused(t *testing.T) {
	subnet := func(subnets ...string) *network.IPAM {
		ipam := &network.IPAM{}
		for _, one := range subnets {
			ipam.Config = append(ipam.Config, network.IPAMConfig{Subnet: one})
		}
		return ipam
	}
	mtu := map[string]string{"com.docker.network.driver.mtu": "1400"}
	ours := map[string]string{"tier": "back"}
	for name, c := range map[string]struct {
		was, is network.CreateOptions
		runs    bool
	}{
		"the same":                      {network.CreateOptions{Driver: "overlay", Options: mtu, Labels: ours, IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{Options: mtu, Labels: ours, IPAM: subnet("10.9.0.0/24")}, true},
		"a subnet in another spelling":  {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{IPAM: subnet("10.9.0.7/24")}, true},
		"any subnet will do":            {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{}, true},
		"the usual driver of addresses": {network.CreateOptions{}, network.CreateOptions{IPAM: &network.IPAM{Driver: "default"}}, true},
		"internal":                      {network.CreateOptions{}, network.CreateOptions{Internal: true}, false},
		"no longer internal":            {network.CreateOptions{Internal: true}, network.CreateOptions{}, false},
		"attachable":                    {network.CreateOptions{}, network.CreateOptions{Attachable: true}, false},
		"another driver":                {network.CreateOptions{}, network.CreateOptions{Driver: "macvlan"}, false},
		"a subnet":                      {network.CreateOptions{}, network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, false},
		"another subnet":                {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{IPAM: subnet("10.8.0.0/24")}, false},
		"one more subnet":               {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{IPAM: subnet("10.9.0.0/24", "10.8.0.0/24")}, false},
		"another driver of addresses":   {network.CreateOptions{}, network.CreateOptions{IPAM: &network.IPAM{Driver: "plugin"}}, false},
		"an option":                     {network.CreateOptions{}, network.CreateOptions{Options: mtu}, false},
		"an option without a value":     {network.CreateOptions{}, network.CreateOptions{Options: map[string]string{"encrypted": ""}}, false},
		"an option that is dropped":     {network.CreateOptions{Options: mtu}, network.CreateOptions{}, false},
		"encryption that is dropped":    {network.CreateOptions{Options: map[string]string{"encrypted": ""}}, network.CreateOptions{}, false},
		"a label":                       {network.CreateOptions{}, network.CreateOptions{Labels: ours}, false},
		"a label that is dropped":       {network.CreateOptions{Labels: ours}, network.CreateOptions{}, false},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			specs := specsOf(service("api", "run:1"))
			specs.Networks = map[string]network.CreateOptions{"shop_net": c.was}
			expect(t, deploys(d, specs), Runs, 1)
			specs.Networks = map[string]network.CreateOptions{"shop_net": c.is}
			result := deploys(d, specs)
			if c.runs != (result.Outcome == Runs) {
				t.Fatalf("%+v", result)
			}
			if !c.runs {
				expect(t, result, Refused, 0, "network")
			}
			if status, err := d.Status(t.Context(), stack); err != nil || !status.InSync {
				t.Errorf("%v: %+v", err, status.Differences)
			}
		})
	}
}

// If a network existed before the stack, no release allows its different options.
func TestNetworkOfAFirstDeploymentThatIsThereOtherwise(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		if _, err := m.NetworkCreate(t.Context(), "shop_net", network.CreateOptions{Driver: "overlay"}); err != nil {
			t.Fatal(err)
		}
		expect(t, deploys(d, withNet(specsOf(service("api", "run:1", joined)))), Refused, 0, "network")
	})
}

// An option that a network does not have at all is not shown as an empty value.
func TestMissingNetworkOptionsInWords(t *testing.T) {
	for _, options := range []network.CreateOptions{{Labels: map[string]string{"team": "a"}}, {Options: map[string]string{"team": "a"}}} {
		if got := differentOptions(network.Summary{Driver: defaultDriver}, options); !strings.Contains(got, "team") || strings.Contains(got, `""`) {
			t.Errorf("it %s", got)
		}
	}
}

// A network that somebody made again with other options is made once more as it was, if
// nothing uses it. Otherwise the difference is reported, and the services are healed all
// the same.
func TestNetworkThatWasChangedByHand(t *testing.T) {
	for name, c := range map[string]struct {
		used bool
		want []string // what differs afterwards
	}{
		"nothing uses it":             {false, nil},
		"a service of the stack does": {true, []string{CodeNetworkChanged}},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			specs := withNet(specsOf(service("api", "run:1", joined), service("web", "run:1", joined)))
			expect(t, deploys(d, specs), Runs, 1)
			for _, s := range slices.Clone(m.services) {
				if !c.used || s.Spec.Name == "shop_api" {
					if err := m.ServiceRemove(t.Context(), s.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			m.networks[0].Internal = true
			expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
			var codes []string
			status, err := d.Status(t.Context(), stack)
			for _, difference := range status.Differences {
				codes = append(codes, difference.Code)
			}
			if err != nil || !slices.Equal(codes, c.want) || len(m.services) != 2 || len(m.networks) != 1 {
				t.Errorf("%v: differs %v, with %d services and %d networks", err, codes, len(m.services), len(m.networks))
			}
			if left := healable(status.Differences); len(left) > 0 {
				t.Errorf("the agent would try %v again and again", left)
			}
			// A deployment is not blocked by a change that it did not make. A deployment
			// that wants other options is told what to do.
			specs.Services["shop_web"] = service("web", "run:2", joined)
			expect(t, deploys(d, specs), Runs, 2)
			if c.used {
				status, err := d.Status(t.Context(), stack)
				if err != nil || len(status.Differences) != 1 || status.Differences[0].Code != CodeNetworkChanged {
					t.Errorf("%v: differs %v", err, status.Differences)
				}
				specs.Networks = map[string]network.CreateOptions{"shop_net": {Attachable: true, Labels: map[string]string{labelNamespace: stack}}}
				expect(t, deploys(d, specs), Refused, 0, "network")
			}
		})
	}
}
