package networks

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24":  "",
		"0.0.0.0/0":     "",
		"192.0.2.1/32":  "",
		"192.0.2.1":     "192.0.2.1/32",
		"192.0.2.0/33":  "192.0.2.0/24",
		"192.0.2.1/24":  " 192.0.2.0/24",
		"2001:db8::/32": "IPv4",
		"":              "192.0.2.0/24",
		"my.address":    "192.0.2.0/24",
	} {
		_, err := Parse(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Parse(%q): %v, want %q", text, err, want)
		}
	}
}

func TestWhoseAddresses(t *testing.T) {
	for text, want := range map[string]struct{ private, bridge bool }{
		"10.0.0.0/8":     {true, false},
		"10.20.0.0/16":   {true, false},
		"172.16.0.0/12":  {true, true},
		"172.18.4.0/24":  {true, true},
		"172.19.0.0/16":  {true, false},
		"192.168.0.0/16": {true, false},
		"192.168.0.0/13": {false, false}, // begins with a private address
		"10.0.0.0/7":     {false, false},
		"0.0.0.0/0":      {false, true},
		"192.0.2.0/24":   {false, false},
	} {
		network := netip.MustParsePrefix(text)
		if got := Private(network); got != want.private {
			t.Errorf("Private(%s) = %v", text, got)
		}
		if got := OnBridge(network); got != want.bridge {
			t.Errorf("OnBridge(%s) = %v", text, got)
		}
	}
}
