package infra

import (
	"encoding/binary"
	"net/netip"
)

// Private addresses are offsets into the subnet, apart for the two roles so
// that adding a manager moves no worker. Azure keeps the first four and the
// last address of a subnet for itself.
const (
	managerOffset = 10
	workerOffset  = 20
	maxWorkers    = 100
)

// lastOffset is the highest offset in use.
func lastOffset(managers, workers int) int {
	return max(managerOffset+managers, workerOffset+workers) - 1
}

// addressAt is the address at an offset into a network.
func addressAt(subnet netip.Prefix, offset int) string {
	base := subnet.Masked().Addr().As4()
	var address [4]byte
	binary.BigEndian.PutUint32(address[:], binary.BigEndian.Uint32(base[:])+uint32(offset))
	return netip.AddrFrom4(address).String()
}

// managerAddresses and workerAddresses are the fixed private addresses, in the
// nodes' order. The configuration has been validated.
func (c Config) managerAddresses() []string { return c.addresses(managerOffset, c.Managers) }
func (c Config) workerAddresses() []string  { return c.addresses(workerOffset, c.Workers) }

func (c Config) addresses(offset, count int) []string {
	subnet := netip.MustParsePrefix(c.SubnetCidr)
	list := make([]string, 0, count)
	for i := range count {
		list = append(list, addressAt(subnet, offset+i))
	}
	return list
}
