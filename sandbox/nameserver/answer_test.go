package nameserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func write(t testing.TB, dir, name string, table Table) {
	t.Helper()
	text, err := json.Marshal(table)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func addr(texts ...string) (list []netip.Addr) {
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

var example = Table{
	Zones: []string{"cloudapp.azure.com", "Example.com"},
	Records: []Record{
		{Name: "aver.westeurope.cloudapp.azure.com", Addresses: addr("192.0.2.1"), TTL: 3},
		{Name: "example.com", Addresses: addr("192.0.2.2", "192.0.2.3"), TTL: 300},
		{Name: "www.example.com", Target: "example.com"},
		{Name: "out.example.com", Target: "elsewhere.org"},
		{Name: "loop.example.com", Target: "loop.example.com"},
		{Name: "dangling.example.com", Target: "none.example.com"},
		{Name: "*.dev.example.com", Addresses: addr("192.0.2.4")},
		{Name: "a.b.dev.example.com", Addresses: addr("192.0.2.5")},
	},
}

// serve runs a server of the tables in a directory, with its sockets there.
func serve(t *testing.T, dir string) *Server {
	t.Helper()
	var server *Server
	var err error
	for range 20 { // a port that is free for UDP may be in use for TCP
		if server, err = Listen(dir, "127.0.0.1:0", dir); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return server
}

func query(name string, kind uint16) []byte {
	out := append([]byte{0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0}, appendName(nil, name)...)
	return append(binary.BigEndian.AppendUint16(out, kind), 0, classIN)
}

// resolver asks the server as any Go program does, so another implementation parses its
// packets.
func resolver(server *Server, network string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Address())
	}}
}

// TestNamesAreResolved asks by datagram and by stream.
func TestNamesAreResolved(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cloud", example)
	server := serve(t, dir)
	for name, want := range map[string]string{
		"aver.westeurope.cloudapp.azure.com":  "[192.0.2.1]",
		"AVER.WestEurope.cloudapp.azure.com":  "[192.0.2.1]",
		"example.com":                         "[192.0.2.2 192.0.2.3]",
		"www.example.com":                     "[192.0.2.2 192.0.2.3]",
		"x.dev.example.com":                   "[192.0.2.4]",
		"x.y.dev.example.com":                 "[192.0.2.4]",
		"a.b.dev.example.com":                 "[192.0.2.5]",
		"x.b.dev.example.com":                 "not found", // b.dev is closer than the wildcard
		"westeurope.cloudapp.azure.com":       "not found",
		"other.westeurope.cloudapp.azure.com": "not found",
		"none.example.com":                    "not found",
		"dangling.example.com":                "not found",
	} {
		for _, network := range []string{"udp", "tcp"} {
			found, err := resolver(server, network).LookupNetIP(context.Background(), "ip4", name+".")
			got := fmt.Sprint(found)
			if e, ok := err.(*net.DNSError); ok && e.IsNotFound {
				got = "not found"
			}
			if got != want {
				t.Errorf("%s by %s: %s %v, want %s", name, network, got, err, want)
			}
		}
	}
}

// TestCodes checks the code for an unknown name and for a name without addresses.
func TestCodes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cloud", example)
	server := serve(t, dir)
	for name, want := range map[string][2]byte{
		"other.westeurope.cloudapp.azure.com": {nxDomain, 0},
		"westeurope.cloudapp.azure.com":       {noError, 0},
		"example.com":                         {noError, 2},
		"out.example.com":                     {noError, 1},
		"loop.example.com":                    {servFail, 0},
		"elsewhere.org":                       {servFail, 0}, // no resolver is configured
	} {
		answer, err := ask(server.Address(), "udp", query(name, typeA))
		if err != nil || answer[3]&0x0f != want[0] || answer[7] != want[1] {
			t.Errorf("%s: %x, %v", name, answer, err)
		}
	}
	const aaaa = 28
	if answer, err := ask(server.Address(), "udp", query("example.com", aaaa)); err != nil || answer[3]&0x0f != noError || answer[7] != 0 {
		t.Errorf("of IPv6: %x, %v", answer, err)
	}
	if answer, err := ask(server.Address(), "udp", query("example.com", typeA)); err != nil || answer[2]&0x04 == 0 || !bytes.Contains(answer, []byte{0, 0, 0, maxTTL, 0, 4, 192, 0, 2, 2}) {
		t.Errorf("not authoritative, or to be remembered for long: %x, %v", answer, err)
	}
}

// A change of one writer's table is effective at once, and the other writer's table stays
// in force. With a damaged table the server answers with a failure.
func TestAChangeIsSeenAtOnce(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir)
	write(t, dir, "services", Table{Zones: []string{"sandbox.internal"}, Records: []Record{{Name: "acme.sandbox.internal", Addresses: addr("192.0.2.9")}}})
	for _, address := range []string{"192.0.2.7", "192.0.2.8"} {
		write(t, dir, "cloud", Table{Zones: []string{"example.com"}, Records: []Record{{Name: "example.com", Addresses: addr(address)}}})
		for name, want := range map[string]string{"example.com.": address, "acme.sandbox.internal.": "192.0.2.9"} {
			if got, err := resolver(server, "udp").LookupHost(context.Background(), name); err != nil || fmt.Sprint(got) != "["+want+"]" {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cloud.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(server.Address(), "udp", query("acme.sandbox.internal", typeA)); err != nil || answer[3]&0x0f != servFail {
		t.Errorf("of a damaged table: %x, %v", answer, err)
	}
}

// The server answers through both sockets. An answer that is too long for a datagram is cut
// only at the datagram socket.
func TestANodesFabricAsksBySocket(t *testing.T) {
	dir := t.TempDir()
	many := Record{Name: "many.example.com", TTL: 1}
	for i := range 40 {
		many.Addresses = append(many.Addresses, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	write(t, dir, "cloud", Table{Zones: []string{"example.com"}, Records: []Record{many}})
	server := serve(t, dir)
	for socket, want := range map[string]struct {
		cut   bool
		count byte
	}{DatagramSocket: {true, 0}, StreamSocket: {false, 40}} {
		conn, err := net.Dial("unix", filepath.Join(dir, socket))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := writeFrame(conn, query("many.example.com", typeA)); err != nil {
			t.Fatal(err)
		}
		answer, err := readFrame(conn)
		if err != nil || answer[2]&0x02 != 0 != want.cut || answer[7] != want.count {
			t.Errorf("%s: %x, %v", socket, answer, err)
		}
	}
	// After a cut answer a resolver asks again by stream, at the same port.
	plain := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Address())
	}}
	if got, err := plain.LookupHost(context.Background(), "many.example.com."); err != nil || len(got) != 40 {
		t.Errorf("%d addresses, %v", len(got), err)
	}
}

// A server starts although a killed server left its sockets behind.
func TestAServerTakesOverTheSocketsOfOneThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	for _, socket := range []string{DatagramSocket, StreamSocket} {
		if err := os.WriteFile(filepath.Join(dir, socket), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, dir)
}

// A question for a CNAME gets the CNAME, not its target.
func TestAnAliasIsReportedWithoutItsAddresses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cloud", example)
	s := &Server{dir: dir}
	for kind, want := range map[uint16]uint16{typeCNAME: 1, typeANY: 1, typeA: 3} {
		if answer := s.answer(query("www.example.com", kind), "udp"); binary.BigEndian.Uint16(answer[6:]) != want {
			t.Errorf("type %d: %x, want %d records", kind, answer, want)
		}
	}
	if answer := s.answer(query("loop.example.com", typeCNAME), "udp"); answer[3]&0x0f != noError || binary.BigEndian.Uint16(answer[6:]) != 1 {
		t.Errorf("that it stands for itself is followed: %x", answer)
	}
}

// A silent client does not block other clients.
func TestASilentClientBlocksNobody(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cloud", example)
	server := serve(t, dir)
	silent, err := net.Dial("tcp", server.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, network := range []string{"tcp", "udp"} {
		if _, err := ask(server.Address(), network, query("example.com", typeA)); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
}
