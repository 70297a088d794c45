package infra

import (
	"encoding/binary"
	"net/netip"
)

// Each role has its own block of the subnet, so that adding a manager moves no worker. The
// packet filter names these blocks, so it stays the same while nodes are added and removed.
// That matters because rules are changed before a VM is removed: a rule that no longer
// named the VM would cut the connection to it while it leaves the Swarm.
const (
	managerOffset = 8 // to 15, a /29; Azure keeps the first four for itself
	managerBits   = 29
	workerOffset  = 128 // to 255, a /25; Azure keeps a subnet's last for itself
	workerBits    = 25
	maxManagers   = 7
	maxWorkers    = 100
	// subnetBits is the smallest subnet with room for both.
	subnetBits = 24
)

// addressAt is the address at an offset into a network.
func addressAt(subnet netip.Prefix, offset int) netip.Addr {
	base := subnet.Masked().Addr().As4()
	var address [4]byte
	binary.BigEndian.PutUint32(address[:], binary.BigEndian.Uint32(base[:])+uint32(offset))
	return netip.AddrFrom4(address)
}

// managerAddresses and workerAddresses are the fixed private addresses, in the
// nodes' order. The configuration has been validated.
func (c Config) managerAddresses() []string { return c.addresses(managerOffset, c.Managers) }
func (c Config) workerAddresses() []string  { return c.addresses(workerOffset, c.Workers) }

func (c Config) addresses(offset, count int) []string {
	subnet := netip.MustParsePrefix(c.SubnetCidr)
	list := make([]string, 0, count)
	for i := range count {
		list = append(list, addressAt(subnet, offset+i).String())
	}
	return list
}

// managerBlock and workerBlock hold every address that a node of the role can
// ever have.
func (c Config) managerBlock() string { return c.block(managerOffset, managerBits) }
func (c Config) workerBlock() string  { return c.block(workerOffset, workerBits) }

func (c Config) block(offset, bits int) string {
	return netip.PrefixFrom(addressAt(netip.MustParsePrefix(c.SubnetCidr), offset), bits).String()
}
