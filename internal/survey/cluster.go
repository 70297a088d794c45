// Package survey asks the nodes of the last `pulumi up` for their status. It logs in to
// each over SSH as the program does, asks a manager what differs from the release, waits
// for a node that may be restarting, and runs the commands that are needed before the
// engine changes something.
package survey

import (
	"context"
	"net"
	"time"
)

// Cluster is the nodes that the last run left, and how to log in to them.
type Cluster struct {
	Nodes []Node
	User  string
	Key   string // the private key of User, PEM
	Door  string // the manager that this run goes through; empty if there is none

	patience time.Duration // see the constant
	limit    time.Duration // see the constant
	comeback time.Duration // see the constant
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// New returns a cluster that is asked within the time limits of this package.
func New(user, key string, nodes []Node) Cluster {
	return Cluster{Nodes: nodes, User: user, Key: key, patience: patience, limit: limit, comeback: comeback, dial: new(net.Dialer).DialContext}
}

// Manager is the role of a manager.
const Manager = "manager"

// Node is one element of the stack output `nodes`.
type Node struct {
	Name           string `json:"name"`
	Role           string `json:"role"`
	PrivateAddress string `json:"privateAddress"`
	PublicAddress  string `json:"publicAddress"`
	HostKey        string `json:"hostKey"`
}

// Stop is a node on the way to the host on which a command runs.
type Stop struct {
	// Node is its name.
	Node string
	// Address and HostKey are those with which the node is dialled; "?" if they are not
	// known.
	Address, HostKey string
}

// Known tells whether both the address and the host key are known.
func (s Stop) Known() bool { return s.Address != "?" && s.HostKey != "?" }
