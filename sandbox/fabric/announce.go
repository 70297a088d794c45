package fabric

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// announce tells everybody on the link that this container now has the address.
func announce(link, address string) error {
	device, err := net.InterfaceByName(link)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(socket)
	to := &syscall.SockaddrLinklayer{Ifindex: device.Index}
	return syscall.Sendto(socket, gratuitous(device.HardwareAddr, ip), 0, to)
}

// gratuitous is an unsolicited ARP reply (RFC 5227, section 3).
func gratuitous(hardware net.HardwareAddr, ip netip.Addr) []byte {
	everyone := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	own := ip.As4()
	frame := append(append([]byte{}, everyone...), hardware...)
	for _, field := range []uint16{0x0806, 1, 0x0800, 0x0604, 2} { // ARP; Ethernet, IPv4, lengths 6 and 4, reply
		frame = binary.BigEndian.AppendUint16(frame, field)
	}
	for _, part := range [][]byte{hardware, own[:], everyone, own[:]} {
		frame = append(frame, part...)
	}
	return frame
}
