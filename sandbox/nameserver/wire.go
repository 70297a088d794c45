package nameserver

import (
	"encoding/binary"
	"errors"
	"strings"
)

// The numbers are defined in RFC 1035.
const (
	typeA, typeCNAME, typeANY = 1, 5, 255
	classIN                   = 1

	noError, formErr, servFail, nxDomain, notImp = 0, 1, 2, 3, 4

	headerLen = 12
	// datagram is the maximal size of a datagram. Longer answers are sent by stream.
	datagram = 512
	maxName  = 255
	maxLabel = 63
)

// question is a client's question.
type question struct {
	header [headerLen]byte
	raw    []byte // as sent; the answer repeats it
	name   string // without the final dot
	kind   uint16
}

var errQuestion = errors.New("the packet does not have one question")

// parse parses a packet. It ignores everything after the question, such as EDNS options.
// An error without a question means that the packet gets no answer.
func parse(packet []byte) (*question, error) {
	if len(packet) < headerLen || packet[2]&0x80 != 0 {
		return nil, errQuestion // too short, or an answer
	}
	q := &question{}
	copy(q.header[:], packet)
	if binary.BigEndian.Uint16(packet[4:]) != 1 {
		return q, errQuestion
	}
	var labels []string
	at := headerLen
	for {
		if at >= len(packet) {
			return q, errQuestion
		}
		n := int(packet[at])
		at++
		if n == 0 {
			break
		}
		if n > maxLabel || at+n > len(packet) || at+n-headerLen >= maxName {
			return q, errQuestion // also for a compression pointer: before the question there is no name to point to
		}
		labels = append(labels, string(packet[at:at+n]))
		at += n
	}
	if at+4 > len(packet) {
		return q, errQuestion
	}
	q.kind = binary.BigEndian.Uint16(packet[at:])
	if binary.BigEndian.Uint16(packet[at+2:]) != classIN {
		return q, errQuestion
	}
	q.name, q.raw = strings.Join(labels, "."), packet[headerLen:at+4]
	return q, nil
}

// reply is the answer to q; it is authoritative for the server's own names.
func (q *question) reply(code byte, authoritative bool, records []Record) []byte {
	out := append([]byte(nil), q.header[:4]...)
	out[2] = 0x80 | q.header[2]&0x79 // an answer with the question's operation and "recursion desired"
	if authoritative {
		out[2] |= 0x04
	}
	out[3] = 0x80 | code // recursion is available
	questions := uint16(0)
	if q.raw != nil {
		questions = 1
	}
	out = binary.BigEndian.AppendUint16(out, questions)
	out = append(out, 0, 0, 0, 0, 0, 0)
	out = append(out, q.raw...)
	count := uint16(0)
	for _, r := range records {
		if r.Target != "" {
			out, count = appendRecord(out, r, typeCNAME, appendName(nil, r.Target)), count+1
		}
		for _, address := range r.Addresses {
			if address.Is4() {
				out, count = appendRecord(out, r, typeA, address.AsSlice()), count+1
			}
		}
	}
	binary.BigEndian.PutUint16(out[6:], count)
	return out
}

// cut removes the records from an answer that is too long for a datagram and marks it as
// cut, so the client asks again by stream.
func (q *question) cut(answer []byte) []byte {
	if len(answer) <= datagram {
		return answer
	}
	out := q.reply(answer[3]&0x0f, answer[2]&0x04 != 0, nil)
	out[2] |= 0x02
	return out
}

func appendRecord(out []byte, r Record, kind uint16, data []byte) []byte {
	out = appendName(out, r.Name)
	out = binary.BigEndian.AppendUint16(out, kind)
	out = binary.BigEndian.AppendUint16(out, classIN)
	out = binary.BigEndian.AppendUint32(out, min(r.TTL, maxTTL))
	out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
	return append(out, data...)
}

// maxTTL limits how long clients remember an answer, since names change often in a
// sandbox.
const maxTTL = 5

func appendName(out []byte, name string) []byte {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		label = label[:min(len(label), maxLabel)]
		out = append(append(out, byte(len(label))), label...)
	}
	return append(out, 0)
}
