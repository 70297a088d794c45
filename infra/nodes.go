package infra

import (
	"cmp"
	"strconv"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
	"averazure/internal/host"
	"averazure/internal/names"
	"averazure/internal/settings"
)

// node is a node to be made, with its VM.
type node struct {
	key     string // its part of the resources' names: manager, worker-1
	name    string // its name everywhere else
	role    host.Role
	address string
	size    string
	zone    string // empty for none
	dataGB  int    // size of the data disk; 0 for none
}

// FirstManager is the host name of the first manager.
func (c Config) FirstManager() string { return names.New(c.Prefix, "", "", "").Manager(1) }

// managerNames are the managers' host names, the first one first.
func (c Config) managerNames() []string {
	var list []string
	for i := range c.Managers {
		list = append(list, names.New(c.Prefix, "", "", "").Manager(i+1))
	}
	return list
}

// NodeNames are the host names of all nodes, managers first.
func (c Config) NodeNames() []string {
	list := c.managerNames()
	for i := range c.Workers {
		list = append(list, names.New(c.Prefix, "", "", "").Worker(i+1))
	}
	return list
}

// DoorName is the name of the manager through which everything else is reached.
func (c Config) DoorName() string { return cmp.Or(c.Door, c.FirstManager()) }

// nodes are all nodes, managers first.
func (b *builder) nodes() []node {
	var list []node
	for i, address := range b.args.managerAddresses() {
		key := "manager"
		if i > 0 {
			key += "-" + strconv.Itoa(i+1)
		}
		list = append(list, node{key, b.names.Manager(i + 1), host.Manager, address, b.args.ManagerSize, b.args.zone(i), 0})
	}
	for i, address := range b.args.workerAddresses() {
		list = append(list, node{"worker-" + strconv.Itoa(i+1), b.names.Worker(i + 1), host.Worker, address, b.args.WorkerSize, b.args.zone(i), 0})
	}
	return list
}

// newHosts makes every node and describes how to log in to it.
func (b *builder) newHosts(subnet *network.Subnet, rules []pulumi.Resource, admin KeyPair) ([]host.Host, error) {
	var hosts []host.Host
	var door host.Host
	nodes, err := b.placed(b.nodes())
	if err != nil {
		return nil, err
	}
	if nodes, err = b.equipped(nodes); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		made, err := b.newHost(n, subnet, admin)
		if err != nil {
			return nil, err
		}
		made.Needs = append(made.Needs, rules...)
		if n.role == host.Worker {
			made.Jump = &door
			made.Needs = append(made.Needs, door.Needs...)
		}
		made.Silent = b.left(n)
		if made, err = made.Explained(b.ctx); err != nil {
			return nil, err
		}
		if made, err = b.reached(made); err != nil {
			return nil, err
		}
		if made.Name == b.args.DoorName() {
			door = made
		}
		hosts = append(hosts, made)
	}
	return hosts, nil
}

// left tells whether a manager is left as it is, because it does not answer and somebody
// named another one as the door.
func (b *builder) left(n node) bool {
	if b.args.Door == "" || n.role != host.Manager || n.name == b.args.Door || !b.args.Drift.Silent(n.name) {
		return false
	}
	_ = b.ctx.Log.Warn(settings.Warningf("door", "%s does not answer, and %s takes its place: changes on %s itself wait until it answers",
		n.name, b.args.Door, n.name), nil)
	return true
}

// reached returns the host with options for commands that run again: they fail within about
// a minute if the node or its jump host does not answer. Commands that are created have more
// attempts, because the VM may still be booting.
func (b *builder) reached(h host.Host) (host.Host, error) {
	option, err := failure.BeforeUpdate(b.ctx, "reach "+h.Name, func(args *pulumi.ResourceHookArgs) error {
		return b.args.Drift.Reach(b.ctx.Context(), h.Route(args.NewInputs))
	})
	if err != nil {
		return h, err
	}
	h.Options = append(h.Options, option)
	return h, nil
}

// newHost makes one VM with everything that belongs to it alone.
func (b *builder) newHost(n node, subnet *network.Subnet, admin KeyPair) (host.Host, error) {
	hostKey, err := b.newKey(n.key + "-host-key")
	if err != nil {
		return host.Host{}, err
	}
	address, err := b.nodeAddress(n)
	if err != nil {
		return host.Host{}, err
	}
	nic, err := b.newInterface(n, subnet, address)
	if err != nil {
		return host.Host{}, err
	}
	b.nics = append(b.nics, nic)
	disk, err := b.newDataDisk(n)
	if err != nil {
		return host.Host{}, err
	}
	vm, err := b.newVM(n, nic, disk, hostKey, admin)
	if err != nil {
		return host.Host{}, err
	}
	if b.backsUp(n) {
		b.backers = append(b.backers, backer{n, vm})
	}
	made := host.Host{
		Name: n.name, Role: n.role, Address: n.address,
		PublicAddress: pulumi.String("").ToStringOutput(),
		HostKey:       hostKey.Public,
		User:          b.args.AdminUser,
		PrivateKey:    admin.Private,
		VMID:          vm.VMID,
		Size:          n.size,
		VM:            vm,
		DataGB:        n.dataGB,
		Needs:         []pulumi.Resource{vm, nic, subnet},
	}
	if disk != nil {
		made.Needs = append(made.Needs, disk)
	}
	if address != nil {
		made.PublicAddress = address.IpAddress.Elem()
		made.Needs = append(made.Needs, address)
	}
	return made, nil
}
