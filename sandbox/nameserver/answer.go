package nameserver

import (
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"time"
)

// upstreamTime is how long one of this machine's name servers may take.
var upstreamTime = 2 * time.Second

// maxChain limits how many CNAMEs are followed.
const maxChain = 8

// answer answers a packet that came by datagram ("udp") or stream ("tcp"). It returns nil
// for a packet that gets no answer.
func (s *Server) answer(packet []byte, network string) []byte {
	q, err := parse(packet)
	switch {
	case q == nil:
		return nil
	case q.header[2]&0x78 != 0:
		return q.reply(notImp, false, nil)
	case err != nil:
		return q.reply(formErr, false, nil)
	}
	table, err := Read(s.dir)
	if err != nil {
		log.Print(err)
		return q.reply(servFail, false, nil)
	}
	if !table.owns(q.name) {
		return table.forward(q, packet, network)
	}
	code, records := table.resolve(q)
	answer := q.reply(code, true, records)
	if network == "udp" {
		answer = q.cut(answer)
	}
	return answer
}

// resolve answers for a name in the server's own zones and follows its CNAMEs within
// them.
func (t Table) resolve(q *question) (code byte, records []Record) {
	name := q.name
	for range maxChain {
		found, exists := t.find(name)
		if !exists && len(records) == 0 {
			return nxDomain, nil
		}
		if found == nil {
			return noError, records
		}
		record := *found
		record.Name = name
		if record.Target != "" {
			record.Addresses = nil
			records = append(records, record)
			if q.kind == typeCNAME || q.kind == typeANY {
				return noError, records
			}
			name = record.Target
			continue
		}
		if q.kind == typeA || q.kind == typeANY {
			records = append(records, record)
		}
		return noError, records
	}
	return servFail, nil
}

// forward asks the name servers one after the other.
func (t Table) forward(q *question, packet []byte, network string) []byte {
	for _, resolver := range t.Resolvers {
		answer, err := ask(resolver, network, packet)
		if err == nil {
			return answer
		}
		log.Printf("%s: %v", q.name, err)
	}
	return q.reply(servFail, false, nil)
}

// ask sends a packet to a name server and returns its answer.
func ask(resolver, network string, packet []byte) ([]byte, error) {
	conn, err := net.DialTimeout(network, resolver, upstreamTime)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(upstreamTime)); err != nil {
		return nil, err
	}
	if network == "tcp" {
		if err := writeFrame(conn, packet); err != nil {
			return nil, err
		}
		return readFrame(conn)
	}
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	buffer := make([]byte, 65535)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		if n >= headerLen && buffer[0] == packet[0] && buffer[1] == packet[1] {
			return buffer[:n], nil
		}
	}
}

// readFrame reads a packet with its length in front.
func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, packet); err != nil {
		return nil, err
	}
	return packet, nil
}

func writeFrame(w io.Writer, packet []byte) error {
	if len(packet) > 65535 {
		return errors.New("the packet has more than 65535 bytes")
	}
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...))
	return err
}
