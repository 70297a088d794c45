package fabric

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testConfig is a balancer of two VMs, one of them without a public address.
func testConfig() Config {
	members := []Member{{"vm-1", "198.18.0.10"}, {"vm-2", "198.18.0.20"}}
	return Config{
		Listeners: []Listener{{
			Forward: Forward{"198.18.0.30", "tcp", 80, 8080}, Reset: true, Idle: 4, Members: members,
			Probe: Probe{Protocol: "tcp", Port: 8080, Interval: 5, Count: 2},
		}},
		Outbound: []Outbound{{Frontend: "198.18.0.30", Protocol: "all", Member: members[1], From: 64512, To: 65535}},
	}
}

func all(Listener, Member) bool  { return true }
func none(Listener, Member) bool { return false }

// has requires all lines in this order.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	rest := text
	for _, line := range lines {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Fatalf("%q is missing or too early in\n%s", line, text)
		}
		rest = after
	}
}

func TestNewFlowsGoToHealthyMachinesOnly(t *testing.T) {
	has(t, rules(testConfig(), all), "mod 2 seed 0x5eed map { 0 : 10, 1 : 20 }")
	second := func(_ Listener, m Member) bool { return m.ID == "vm-2" }
	has(t, rules(testConfig(), second), "mod 1 seed 0x5eed map { 0 : 20 }")
	down := rules(testConfig(), none)
	has(t, down, "chain listener0", "delete @flows", "\t\tdrop\n")
	if strings.Contains(down, "jhash") {
		t.Errorf("new flows are passed on to nobody's satisfaction:\n%s", down)
	}
}

func TestFlowsStayWhereTheyAre(t *testing.T) {
	text := rules(testConfig(), none) // also if all VMs are down
	has(t, text, "chain listener0", "timeout 10s : meta mark } accept", "!= syn meta mark != 0 update @flows", "timeout 4m : meta mark } accept", "!= syn reject with tcp reset")
	// Loading rules keeps the flows.
	if strings.Contains(text, "delete table") || strings.Contains(text, "flush map") {
		t.Error("the flows are forgotten")
	}
	quiet := testConfig()
	quiet.Listeners[0].Reset = false
	has(t, rules(quiet, all), "!= syn drop")
}

func TestPortsOfMachinesLeadToThem(t *testing.T) {
	has(t, rules(testConfig(), all), "ip saddr != { 198.18.0.20 } notrack", "tcp dport 80 goto listener0",
		"ip saddr 198.18.0.20 meta l4proto { tcp, udp } snat to 198.18.0.30:64512-65535", "ip daddr 198.18.0.30 meta mark 0 drop")
	if text := rules(Config{}, all); strings.Contains(text, "ip daddr") {
		t.Errorf("a balancer of nothing drops something:\n%s", text)
	}
}

func TestSourceAffinity(t *testing.T) {
	c := testConfig()
	c.Listeners[0].BySource = true
	has(t, rules(c, all), "jhash ip saddr . ip daddr mod 2")
}

func TestMachinesAreRecognisedByTheirAddress(t *testing.T) {
	if mark("198.18.0.77") != 77 || mark("") != 0 {
		t.Error("the mark is not the last part of the address")
	}
}

func TestSwitchOfAMachineWithoutAnAddressOfItsOwn(t *testing.T) {
	c := testConfig()
	link := Uplink{Private: "10.0.0.20", Network: "10.0.0.0/16", Address: "198.18.0.20", Hidden: true,
		Forwards: []Forward{c.Listeners[0].Forward}, Outbound: "all", Balancer: "198.18.0.9"}
	has(t, link.Script(),
		"ip route replace default via 198.18.0.9 table 4000", "ip route replace default via 198.18.0.9 dev",
		"ip saddr 198.18.0.9 ip daddr 198.18.0.20 ip saddr set 168.63.129.16 ip daddr set 10.0.0.20", // probes come first
		"ip daddr 198.18.0.30 tcp dport 80 tcp dport set 8080 ip daddr set 10.0.0.20 meta mark set 0xfab00001",
		"ip daddr 198.18.0.20 ct state new drop", // the hidden address is not reachable
		"ct mark 0xfab00001 ct direction reply tcp sport set 80 ip saddr set 198.18.0.30",
		"ip daddr != 10.0.0.0/16 ct direction original meta l4proto != { tcp, udp } drop")
	link.Outbound = ""
	has(t, link.Script(), "ip daddr != 10.0.0.0/16 ct direction original drop")
}

func TestSwitchOfOtherMachines(t *testing.T) {
	own := Uplink{Private: "10.0.0.4", Network: "10.0.0.0/16", Address: "198.18.0.10", Forwards: []Forward{testConfig().Listeners[0].Forward}, Balancer: "198.18.0.9"}
	if text := own.Script(); strings.Contains(text, "drop") || strings.Contains(text, "default via 198.18.0.9 dev") {
		t.Errorf("a VM with an address of its own is kept from using it:\n%s", text)
	}
	apart := Uplink{Private: "10.0.0.4", Network: "10.0.0.0/16", Address: "198.18.0.10"}
	if text := apart.Script(); strings.Contains(text, "chain") || !strings.Contains(text, "delete table ip averazure_uplink") {
		t.Errorf("behind no balancer the switch does something, or keeps what it did:\n%s", text)
	}
}

// noted is a balancer that records its commands instead of running them.
func noted(t *testing.T) (*Balancer, *[]string) {
	t.Helper()
	ran := &[]string{}
	b := &Balancer{File: filepath.Join(t.TempDir(), "balancer.json"), Alive: t.TempDir(), Link: "none",
		health: map[target]*health{}, routed: map[string]bool{}, owned: map[string]bool{}}
	b.run = func(_ context.Context, input string, argv ...string) error {
		*ran = append(*ran, argv[0]+"\n"+input)
		return nil
	}
	return b, ran
}

func TestAChangeIsTakenInOneStepAndKept(t *testing.T) {
	b, ran := noted(t)
	c := testConfig()
	c.Listeners[0].Probe = Probe{}
	if err := b.Apply(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if len(*ran) != 4 { // two VMs, the frontend, the rules
		t.Fatalf("ran %q", *ran)
	}
	has(t, (*ran)[0], "ip\n", "via 198.18.0.10", "rule add fwmark 10 lookup 1010")
	has(t, (*ran)[2], "ip\n", "route replace 198.18.0.30 dev lo", "neigh replace proxy 198.18.0.30")
	has(t, (*ran)[3], "nft\n", "map { 0 : 10, 1 : 20 }")
	var kept Config
	text, _ := os.ReadFile(b.File)
	if err := json.Unmarshal(text, &kept); err != nil || len(kept.Listeners) != 1 {
		t.Errorf("kept %s, %v", text, err)
	}
	*ran = nil
	if err := b.Apply(context.Background(), Config{}); err != nil {
		t.Fatal(err)
	}
	has(t, strings.Join(*ran, ""), "neigh del proxy 198.18.0.30")
}

func TestARouteThatCouldNotBeMadeIsMadeTheNextTime(t *testing.T) {
	b, ran := noted(t)
	works := b.run
	b.run = func(context.Context, string, ...string) error { return errors.New("no device") }
	if b.Apply(context.Background(), testConfig()) == nil {
		t.Fatal("nothing is said of it")
	}
	b.run = works
	if err := b.Apply(context.Background(), testConfig()); err != nil {
		t.Fatal(err)
	}
	has(t, strings.Join(*ran, ""), "rule add fwmark 10 lookup 1010", "rule add fwmark 20 lookup 1020")
	b.Apply(context.Background(), Config{})
}

func TestMachinesThatFailTheirProbesGetNoNewFlows(t *testing.T) {
	b, ran := noted(t)
	server := httptest.NewServer(nil)
	c := testConfig()
	at := answering(t, "tcp", server.Listener.Addr().String())
	c.Listeners[0].Probe, c.Listeners[0].Members = at.Probe, []Member{at.Member}
	c.Outbound = nil
	if err := b.Apply(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	up := func() bool { return b.states()[0].Up }
	for deadline := time.Now().Add(5 * time.Second); !up(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a VM that answers does not come up")
		}
	}
	*ran = nil
	b.note(context.Background(), at, errors.New("no answer"))
	if !up() || len(*ran) > 0 {
		t.Error("one failure takes a VM out")
	}
	b.note(context.Background(), at, errors.New("no answer"))
	if up() || len(*ran) != 1 || strings.Contains((*ran)[0], "jhash") {
		t.Errorf("after two it still gets new flows: %q", *ran)
	}
	b.Apply(context.Background(), Config{})
	if len(b.health) != 0 {
		t.Error("what nobody asks for is still probed")
	}
	server.Close()
}

func TestAnnouncement(t *testing.T) {
	frame := gratuitous(net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("198.18.0.30"))
	want := "ffffffffffff" + "020000000001" + "0806" + "0001080006040002" + "020000000001" + "c612001e" + "ffffffffffff" + "c612001e"
	if got := hex.EncodeToString(frame); got != want {
		t.Errorf("the frame is %s, want %s", got, want)
	}
}
