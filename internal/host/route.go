package host

import "github.com/pulumi/pulumi/sdk/v3/go/common/resource"

// Stop is a node on the way to where a command runs.
type Stop struct {
	// Node is its name.
	Node string
	// Address and HostKey are those with which it is dialled; "?" where nobody knows.
	Address, HostKey string
}

// Route are the nodes that a command on the host is sent through, the host as the last of
// them, as the command's inputs have them.
func (h Host) Route(inputs resource.PropertyMap) []Stop {
	stop := func(node string, path ...resource.PropertyKey) Stop {
		at := func(key resource.PropertyKey) string {
			return textAt(inputs, append(append([]resource.PropertyKey{"connection"}, path...), key)...)
		}
		return Stop{Node: node, Address: at("host"), HostKey: at("hostKey")}
	}
	var route []Stop
	if h.Jump != nil {
		route = append(route, stop(h.Jump.Name, "proxy"))
	}
	return append(route, stop(h.Name))
}
