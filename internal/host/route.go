package host

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/survey"
)

// Route are the nodes through which a command on the host is sent, with the host as the
// last one. They are read from the command's inputs.
func (h Host) Route(inputs resource.PropertyMap) []survey.Stop {
	stop := func(node string, path ...resource.PropertyKey) survey.Stop {
		at := func(key resource.PropertyKey) string {
			return textAt(inputs, append(append([]resource.PropertyKey{"connection"}, path...), key)...)
		}
		return survey.Stop{Node: node, Address: at("host"), HostKey: at("hostKey")}
	}
	var route []survey.Stop
	if h.Jump != nil {
		route = append(route, stop(h.Jump.Name, "proxy"))
	}
	return append(route, stop(h.Name))
}
