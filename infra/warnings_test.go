package infra

import (
	"strings"
	"testing"
)

// Example addresses cause a warning. Pulumi.dev.yaml has one in the place of your own
// address.
func TestExampleAddressesAreWarnedOf(t *testing.T) {
	for cidr, want := range map[string]int{
		"192.0.2.1/32": 1, "198.51.100.0/24": 1, "203.0.113.128/25": 1, "192.0.3.1/32": 0, "192.0.0.0/16": 0,
	} {
		c := full()
		c.Managers, c.SSHCidrs = 1, []string{cidr}
		got := c.Warnings(moment)
		if len(got) != want || want == 1 && !strings.HasPrefix(got[0], "averazure:sshCidrs: "+cidr) {
			t.Errorf("%s: warnings %q, want %d", cidr, got, want)
		}
	}
}

// Private addresses alone cause a warning. People who ask their own computer for their
// address get a private one.
func TestPrivateAddressesAloneAreWarnedOf(t *testing.T) {
	for want, cidrs := range map[string][]string{
		"sshCidrs": {"192.168.1.0/24", "10.1.0.0/16"},
		"":         {"192.168.1.0/24", "198.18.0.1/32"},
	} {
		c := full()
		c.Managers, c.SSHCidrs = 1, cidrs
		if got := keysOf(c.Warnings(moment)); got != want {
			t.Errorf("%s: warnings about %q, want %q", cidrs, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := full()
	if got := c.Warnings(moment); len(got) != 0 {
		t.Errorf("warnings %q, want none", got)
	}
	c.SSHCidrs = []string{"0.0.0.0/0"}
	if got := c.Warnings(moment); len(got) != 1 || !strings.HasPrefix(got[0], "averazure:sshCidrs: ") {
		t.Errorf("warnings %q, want one about sshCidrs", got)
	}
	if problems := c.Validate(); len(problems) != 0 {
		t.Errorf("0.0.0.0/0 in sshCidrs is accepted, but: %v", problems)
	}
	c = full()
	c.Managers, c.Workers = 1, 5 // a single manager is no worse with five workers than with one
	if got := c.Warnings(moment); len(got) > 0 {
		t.Errorf("warnings %q, want none", got)
	}
}
