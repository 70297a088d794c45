// Package host describes what the layers above infra reach over SSH.
package host

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Role is a node's role in the Swarm.
type Role string

// The two roles of a node.
const (
	Manager Role = "manager"
	Worker  Role = "worker"
)

// DataLUN is the number by which a VM finds its data disk: no other disk is attached.
const DataLUN = 0

const (
	// dialErrorLimit is the number of attempts to reach a host. The provider
	// waits a little longer after each; against a port that refuses, 68 of them
	// last about 5 minutes, which is what a VM may take to start its sshd.
	dialErrorLimit = 68
	// perDialTimeout bounds, in seconds, how long one attempt waits for the TCP
	// connection to a host that is dialled directly: one whose packets are dropped
	// uses all of it every time. The handshake has no bound of its own, and neither
	// has the connection that a jump host makes.
	perDialTimeout = 10
)

// Host is a node as SSH reaches it, with everything that a login needs.
type Host struct {
	// Name is the VM's name in Azure, its host name, and the node's name in the Swarm.
	Name string
	// Role is the node's role in the Swarm.
	Role Role
	// Address is the fixed private address, which is known in a preview too.
	Address string
	// PublicAddress is the static public address; empty for a worker behind a balancer.
	PublicAddress pulumi.StringOutput
	// HostKey is the public host key in authorized_keys form, "ssh-ed25519 AAAA…".
	HostKey pulumi.StringOutput
	// User is the account with sudo rights.
	User string
	// PrivateKey is that account's key as an OpenSSH PEM block; a secret.
	PrivateKey pulumi.StringOutput
	// VMID is Azure's identifier of the VM, a new one after a rebuild: the trigger of
	// every command that is bound to this VM.
	VMID pulumi.StringOutput
	// VM is the Azure resource; commands on it are DeletedWith it.
	VM pulumi.Resource
	// DataGB is the size of the data disk, which holds Docker's directory and outlives the
	// VM; 0 without one.
	DataGB int
	// Size is the VM's size; a VM restarts when its size changes.
	Size string
	// Needs is everything that SSH to this host passes through (VMs, network interfaces,
	// rules). Every command on the host depends on it, so that destroy does not cut the
	// connection.
	Needs []pulumi.Resource
	// Options go to every command on this host; see Explained.
	Options []pulumi.ResourceOption
	// Silent says that the host does not answer, and that changes on it wait until it
	// does.
	Silent bool
	// Jump is the manager through which a worker is reached; nil for managers.
	Jump *Host
}

// Ready is a manager on which a stack can be deployed.
type Ready struct {
	Host
	// After is what has to be finished before the deployment, in addition to what the host
	// itself needs.
	After []pulumi.Resource
}

// All is what a deployment depends on, every resource once.
func (r Ready) All() []pulumi.Resource {
	all := slices.Clone(r.Needs)
	for _, resource := range r.After {
		if !slices.Contains(all, resource) {
			all = append(all, resource)
		}
	}
	return all
}

// Left returns the option that leaves a command on a silent host unchanged: changes of the
// named inputs wait until the host answers again. A command that runs because the VM was
// rebuilt still runs, with the inputs that it had before.
func (h Host) Left(inputs ...string) []pulumi.ResourceOption {
	if !h.Silent {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.IgnoreChanges(inputs)}
}

// Connection returns how pulumi-command logs in to the host. The host key is always
// verified, that of the jump host too.
func (h Host) Connection() remote.ConnectionArgs {
	connection := remote.ConnectionArgs{
		Host:           h.dialAddress(),
		User:           pulumi.String(h.User),
		PrivateKey:     h.PrivateKey,
		HostKey:        trimmed(h.HostKey),
		DialErrorLimit: pulumi.Int(dialErrorLimit),
		PerDialTimeout: pulumi.Int(perDialTimeout),
	}
	if h.Jump != nil {
		connection.Proxy = remote.ProxyConnectionArgs{
			Host:           h.Jump.dialAddress(),
			User:           pulumi.String(h.Jump.User),
			PrivateKey:     h.Jump.PrivateKey,
			HostKey:        trimmed(h.Jump.HostKey),
			DialErrorLimit: pulumi.Int(dialErrorLimit),
			PerDialTimeout: pulumi.Int(perDialTimeout),
		}
	}
	return connection
}

// dialAddress is the address at which the host's sshd is dialled. A worker's address is
// only for its jump host, which is in the same network.
func (h Host) dialAddress() pulumi.StringInput {
	if h.Jump != nil {
		return pulumi.String(h.Address)
	}
	return h.PublicAddress
}

// trimmed removes the line end that key generators add, so that the key is the same value
// wherever it came from.
func trimmed(key pulumi.StringOutput) pulumi.StringPtrInput {
	return key.ApplyT(func(k string) *string {
		k = strings.TrimSpace(k)
		return &k
	}).(pulumi.StringPtrOutput)
}
