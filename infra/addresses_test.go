package infra

import (
	"net/netip"
	"slices"
	"testing"
)

func TestAddressAt(t *testing.T) {
	for _, tc := range []struct {
		subnet string
		offset int
		want   string
	}{
		{"10.20.1.0/24", 10, "10.20.1.10"},
		{"10.20.0.0/16", 300, "10.20.1.44"},
		{"192.168.1.128/25", 20, "192.168.1.148"},
	} {
		if got := addressAt(netip.MustParsePrefix(tc.subnet), tc.offset).String(); got != tc.want {
			t.Errorf("%s + %d = %s, want %s", tc.subnet, tc.offset, got, tc.want)
		}
	}
}

func TestMoreManagersMoveNoWorker(t *testing.T) {
	c := full()
	before := c.workerAddresses()
	c.Managers = 7
	if !slices.Equal(before, c.workerAddresses()) {
		t.Errorf("workers moved from %v to %v", before, c.workerAddresses())
	}
	if slices.Contains(c.workerAddresses(), c.managerAddresses()[6]) {
		t.Error("seven managers reach into the workers' addresses")
	}
}

// The smallest subnet that Validate accepts holds every address, in its role's
// block, and Azure's reserved ones are not among them.
func TestAddressesFitTheSubnet(t *testing.T) {
	c := full()
	c.Managers, c.Workers = 7, maxWorkers
	if problems := c.Validate(); len(problems) != 0 {
		t.Fatal(problems)
	}
	subnet := netip.MustParsePrefix(c.SubnetCidr)
	for block, addresses := range map[string][]string{c.managerBlock(): c.managerAddresses(), c.workerBlock(): c.workerAddresses()} {
		prefix := netip.MustParsePrefix(block)
		if prefix != prefix.Masked() {
			t.Errorf("%s is not a network", block)
		}
		for _, text := range addresses {
			address := netip.MustParseAddr(text)
			if last := address.As4()[3]; !subnet.Contains(address) || !prefix.Contains(address) || last < 4 || last == 255 {
				t.Errorf("%s is not free in %s", address, block)
			}
		}
	}
}
