package nameserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"
)

// If the first of this machine's name servers is silent, the next one is asked. If none
// answers, the answer is a failure.
func TestOtherNamesGoToTheMachinesNameServers(t *testing.T) {
	before := upstreamTime
	upstreamTime = 200 * time.Millisecond
	t.Cleanup(func() { upstreamTime = before })
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	world := t.TempDir()
	write(t, world, "world", Table{Zones: []string{"org"}, Records: []Record{{Name: "elsewhere.org", Addresses: addr("192.0.2.99")}}})
	knows := serve(t, world)
	dir := t.TempDir()
	write(t, dir, "cloud", example)
	write(t, dir, "services", Table{Resolvers: []string{silent.LocalAddr().String(), knows.Address()}})
	server := serve(t, dir)
	for _, network := range []string{"udp", "tcp"} {
		if got, err := resolver(server, network).LookupHost(context.Background(), "elsewhere.org."); err != nil || fmt.Sprint(got) != "[192.0.2.99]" {
			t.Errorf("by %s: %v, %v", network, got, err)
		}
	}
	write(t, dir, "services", Table{Resolvers: []string{silent.LocalAddr().String()}})
	if answer, err := ask(server.Address(), "tcp", query("elsewhere.org", typeA)); err != nil || answer[3]&0x0f != servFail {
		t.Errorf("where nobody answers: %x, %v", answer, err)
	}
}

// An answer to another question is ignored.
func TestAnswersToOtherQuestionsArePassedOver(t *testing.T) {
	upstream, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	right := query("elsewhere.org", typeA)
	go func() {
		_, from, err := upstream.ReadFrom(make([]byte, datagram))
		if err != nil {
			return
		}
		for _, id := range [][2]byte{{right[0], right[1] + 1}, {right[0] + 1, right[1]}, {right[0], right[1]}} {
			upstream.WriteTo(append(id[:], right[2:]...), from)
		}
	}()
	if answer, err := ask(upstream.LocalAddr().String(), "udp", right); err != nil || !bytes.Equal(answer, right) {
		t.Errorf("%x, %v; want %x", answer, err, right)
	}
}
