// Package host describes a machine that layers above infra reach over SSH. The
// same value stands for a VM on Azure and for one played by the sandbox, so
// nothing above infra can tell them apart.
package host

import (
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Role says what a machine does in the Swarm.
type Role string

// The two roles of a machine.
const (
	Manager Role = "manager"
	Worker  Role = "worker"
)

// DataLUN is the number by which a machine finds its data disk: nothing else is attached.
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

// Host is one machine and everything that is needed to log in to it.
type Host struct {
	// Name is the machine's name in Azure, its host name, and its name in the Swarm.
	Name string
	// Role is the machine's part in the Swarm.
	Role Role
	// Address is the fixed private address, known in preview already.
	Address string
	// PublicAddress is the static public address; empty for a worker behind a balancer.
	PublicAddress pulumi.StringOutput
	// HostKey is the public host key in authorized_keys form, "ssh-ed25519 AAAA…".
	HostKey pulumi.StringOutput
	// User is the account with sudo rights.
	User string
	// PrivateKey is that account's key as an OpenSSH PEM block; a secret.
	PrivateKey pulumi.StringOutput
	// VMID is Azure's identifier of the machine, a new one when it is rebuilt:
	// the trigger of every command that is bound to this machine.
	VMID pulumi.StringOutput
	// VM is the Azure resource; commands on it are DeletedWith it.
	VM pulumi.Resource
	// DataGB is the size of the machine's data disk, which holds Docker's directory and
	// outlives the machine; 0 where it has none.
	DataGB int
	// Size is what the machine restarts for when it changes.
	Size string
	// Needs is everything that SSH to this machine runs through (VMs, network
	// interfaces, rules): what every command on it depends on, so that destroy
	// does not cut the line under it.
	Needs []pulumi.Resource
	// Options are what every command on this machine is given; see Explained.
	Options []pulumi.ResourceOption
	// Silent says that the machine does not answer and that what is to be changed on it
	// waits until it does.
	Silent bool
	// Jump is the manager through which a worker is reached; nil for managers.
	Jump *Host
}

// Left returns the option by which a command on a silent machine stays as it was: its
// inputs, by their names, change when the machine answers again. One that runs because
// the machine is built anew runs as it did before.
func (h Host) Left(inputs ...string) []pulumi.ResourceOption {
	if !h.Silent {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.IgnoreChanges(inputs)}
}

// Connection returns how pulumi-command logs in to the host. The host key is
// always verified, at the jump host too.
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

// dialAddress is the address at which the host's sshd is dialled: a worker's is only
// meant for its jump host, which is in the same network.
func (h Host) dialAddress() pulumi.StringInput {
	if h.Jump != nil {
		return pulumi.String(h.Address)
	}
	return h.PublicAddress
}

// trimmed removes the line end that key generators leave, so that the key is
// the same value wherever it came from.
func trimmed(key pulumi.StringOutput) pulumi.StringPtrInput {
	return key.ApplyT(func(k string) *string {
		k = strings.TrimSpace(k)
		return &k
	}).(pulumi.StringPtrOutput)
}
