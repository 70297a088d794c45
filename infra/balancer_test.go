package infra

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/recorder"
)

func balancerOf(t *testing.T, r *recorder.Recorder) *recorder.Resource {
	t.Helper()
	found := r.OfType(balancerType)
	if len(found) != 1 {
		t.Fatalf("%d balancers", len(found))
	}
	return found[0]
}

// The parts name one another by the id that Azure will give the balancer.
func TestBalancerForwardsEveryPublicPort(t *testing.T) {
	c := full()
	c.PublicPorts = []int{443, 80, 5000}
	r, _ := mustRecord(t, c)
	balancer := balancerOf(t, r)
	id := "/subscriptions/" + recorder.Subscription + "/resourceGroups/aver-test/providers/Microsoft.Network/loadBalancers/aver-balancer"
	wanted := map[string]any{
		"sku.name":                                      "Standard",
		"loadBalancerName":                              "aver-balancer",
		"frontendIPConfigurations.0.name":               "entry",
		"backendAddressPools.0.name":                    "nodes",
		"outboundRules.0.protocol":                      "All",
		"outboundRules.0.enableTcpReset":                true,
		"outboundRules.0.idleTimeoutInMinutes":          4.0,
		"outboundRules.0.allocatedOutboundPorts":        3968.0,
		"outboundRules.0.frontendIPConfigurations.0.id": id + "/frontendIPConfigurations/entry",
		"outboundRules.0.backendAddressPool.id":         id + "/backendAddressPools/nodes",
		"inboundNatRules":                               nil,
		"probes.3":                                      nil,
		"loadBalancingRules.3":                          nil,
	}
	// In one order, so that the same ports in another order are not an update.
	for i, port := range []int{80, 443, 5000} {
		probe, rule := fmt.Sprintf("probes.%d.", i), fmt.Sprintf("loadBalancingRules.%d.", i)
		name := fmt.Sprintf("tcp-%d", port)
		for path, want := range map[string]any{
			probe + "name": name, probe + "port": float64(port), probe + "protocol": "Tcp", probe + "intervalInSeconds": 5.0, probe + "numberOfProbes": 2.0,
			rule + "name": name, rule + "frontendPort": float64(port), rule + "backendPort": float64(port), rule + "protocol": "Tcp",
			rule + "enableTcpReset": true, rule + "idleTimeoutInMinutes": 4.0, rule + "enableFloatingIP": false, rule + "loadDistribution": "Default",
			// Azure refuses a frontend through which two kinds of rules send traffic out.
			rule + "disableOutboundSnat":        true,
			rule + "probe.id":                   id + "/probes/" + name,
			rule + "backendAddressPool.id":      id + "/backendAddressPools/nodes",
			rule + "frontendIPConfiguration.id": id + "/frontendIPConfigurations/entry",
		} {
			wanted[path] = want
		}
	}
	for path, want := range wanted {
		if got := recorder.At(balancer.Inputs, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if len(balancer.Request.GetHooks().GetOnError()) == 0 {
		t.Error("a refusal is not explained")
	}
	address := r.Get(ipType, "aver-entry-ip")
	if got := recorder.At(balancer.Inputs, "frontendIPConfigurations.0.publicIPAddress.id"); got != recorder.At(address.Outputs, "id") {
		t.Errorf("the frontend's address is %v", got)
	}
}

// All nodes are behind the balancer, so that each node is probed and reaches the internet
// through it. Only managers accept logins from outside.
func TestNodesAreBehindTheBalancer(t *testing.T) {
	for _, balanced := range []bool{true, false} {
		c := full()
		c.LoadBalancer = balanced
		r, _ := mustRecord(t, c)
		addresses := []string{"aver-manager-2-ip", "aver-manager-3-ip", "aver-manager-ip", "aver-worker-1-ip", "aver-worker-2-ip"}
		if balanced {
			addresses = []string{"aver-entry-ip", "aver-manager-2-ip", "aver-manager-3-ip", "aver-manager-ip"}
		}
		var got []string
		for _, address := range r.OfType(ipType) {
			got = append(got, address.Name)
		}
		if slices.Sort(got); !slices.Equal(got, addresses) {
			t.Errorf("balancer %v: public addresses %q, want %q", balanced, got, addresses)
		}
		if len(r.OfType(balancerType)) == 0 == balanced {
			t.Errorf("balancer %v: %d made", balanced, len(r.OfType(balancerType)))
		}
		for _, nic := range r.OfType(nicType) {
			pool, _ := recorder.At(nic.Inputs, "ipConfigurations.0.loadBalancerBackendAddressPools.0.id").(string)
			if strings.HasSuffix(pool, "/aver-balancer/backendAddressPools/nodes") != balanced {
				t.Errorf("balancer %v: %s is in the pool %q", balanced, nic.Name, pool)
			}
			worker, public := strings.Contains(nic.Name, "worker"), recorder.At(nic.Inputs, "ipConfigurations.0.publicIPAddress.id") != nil
			if public != (!worker || !balanced) {
				t.Errorf("balancer %v: %s has a public address: %v", balanced, nic.Name, public)
			}
		}
	}
}

// A VM needs its way to the internet at its first boot, and a destroy removes the balancer
// last.
func TestInterfacesDependOnTheBalancer(t *testing.T) {
	r, _ := mustRecord(t, full())
	balancer := balancerOf(t, r).URN
	for _, nic := range r.OfType(nicType) {
		if !slices.Contains(nic.Request.GetDependencies(), balancer) {
			t.Errorf("%s does not depend on the balancer", nic.Name)
		}
	}
}

// Azure counts the ports of all nodes in the pool, also of new nodes, which join after the
// balancer's update, and of removed nodes, which leave after it.
func TestOutboundPortsSuffice(t *testing.T) {
	most := maxManagers + maxWorkers
	for nodes := 1; nodes <= most; nodes++ {
		each := portsOfEach(nodes)
		if each < 8 || each%8 != 0 {
			t.Errorf("%d nodes have %d ports each, and Azure wants a multiple of 8", nodes, each)
		}
		// Each of the forwarded ports keeps a range of eight to itself; nobody has 64 of them.
		if together, left := min(2*nodes, most), 64000-64*8; each*together > left {
			t.Errorf("%d nodes that were %d have %d ports each, more than %d together", nodes, together, each, left)
		}
		if nodes > 1 && each > portsOfEach(nodes-1) {
			t.Errorf("%d nodes have more ports each than %d", nodes, nodes-1)
		}
	}
}

// Managers count too: they are in the pool.
func TestAllNodesShareTheOutboundPorts(t *testing.T) {
	c := full()
	c.Managers, c.Workers = 7, 8
	r, _ := mustRecord(t, c)
	if got := recorder.At(balancerOf(t, r).Inputs, "outboundRules.0.allocatedOutboundPorts"); got != 1984.0 {
		t.Errorf("15 nodes have %v ports each", got)
	}
}

func TestRefusedBalancerIsExplained(t *testing.T) {
	b := &builder{}
	for said, want := range map[string]bool{
		`Code="SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAvailablePorts"`: true,
		`Code="PublicIPAddressInUse"`: false,
	} {
		if got := b.balancerRefused(&pulumi.ErrorHookArgs{Errors: []string{said}}); (got != "") != want {
			t.Errorf("%s: %q", said, got)
		}
	}
}

// The rule for probes comes before the denial, because the tag VirtualNetwork includes the
// address from which the balancer probes.
func TestProbesComeBeforeTheDenial(t *testing.T) {
	for _, balanced := range []bool{true, false} {
		c := full()
		c.LoadBalancer = balanced
		rules := securityRules(c)
		probes := slices.IndexFunc(rules, func(r rule) bool { return slices.Contains(r.Sources, loadBalancer) })
		denial := slices.IndexFunc(rules, func(r rule) bool { return !r.Allow })
		if probes < 0 || !rules[probes].Allow || rules[probes].Priority >= rules[denial].Priority || !slices.Equal(rules[probes].Ports, texts(c.PublicPorts)) {
			t.Errorf("balancer %v:\n%s", balanced, table(rules))
		}
	}
}
