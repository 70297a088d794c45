package nameserver

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

func TestStrangePackets(t *testing.T) {
	s := &Server{dir: t.TempDir()}
	good := query("example.com", typeA)
	change := func(at int, value byte) []byte {
		out := append([]byte(nil), good...)
		out[at] = value
		return out
	}
	for name, test := range map[string]struct {
		packet []byte
		code   int // -1: no answer
	}{
		"empty":               {nil, -1},
		"half a header":       {good[:8], -1},
		"an answer":           {change(2, 0x81), -1},
		"another operation":   {change(2, 0x28), notImp},
		"two questions":       {change(5, 2), formErr},
		"no question":         {change(5, 0), formErr},
		"another class":       {change(len(good)-1, 3), formErr},
		"cut in a name":       {good[:16], formErr},
		"cut after the name":  {good[:len(good)-4], formErr},
		"a pointer to itself": {change(12, 0xc0), formErr},
		"a name too long":     {query(strings.Repeat("a.", 130), typeA), formErr},
		"more after it":       {append(append([]byte(nil), good...), 0, 0, 41), servFail},
	} {
		answer := s.answer(test.packet, "udp")
		if (answer == nil) != (test.code < 0) || answer != nil && int(answer[3]&0x0f) != test.code {
			t.Errorf("%s: %x", name, answer)
		}
	}
}

// FuzzAnswer: any input gets a valid answer of a valid length, or none.
func FuzzAnswer(f *testing.F) {
	dir := f.TempDir()
	write(f, dir, "cloud", example)
	s := &Server{dir: dir}
	for _, name := range []string{"example.com", "www.example.com", "x.dev.example.com", "elsewhere.org", ""} {
		f.Add(query(name, typeA))
	}
	f.Add(query("example.com", typeANY)[:20])
	f.Fuzz(func(t *testing.T, packet []byte) {
		answer := s.answer(packet, "udp")
		if answer == nil {
			return
		}
		if len(answer) < headerLen || len(answer) > datagram || !bytes.Equal(answer[:2], packet[:2]) || answer[2]&0x80 == 0 {
			t.Errorf("%x is answered by %x", packet, answer)
		}
		if questions := binary.BigEndian.Uint16(answer[4:]); questions == 1 {
			if again, err := parse(append(append([]byte(nil), answer[:2]...), append([]byte{0, 0}, answer[4:]...)...)); err != nil || !bytes.HasPrefix(packet[headerLen:], again.raw) {
				t.Errorf("%x: the question in %x: %v", packet, answer, err)
			}
		}
	})
}
