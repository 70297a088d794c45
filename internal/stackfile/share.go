package stackfile

import (
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/types"
)

// LabelShare is the label of a service (deploy.labels) whose named volumes are kept the
// same on all managers, so that the service finds its files wherever it starts. Such a
// service has one replica, and its volumes are small (docs/decisions/0029).
const (
	LabelShare = "averazure.share"
	ShareTrue  = "true"
)

// share refuses the label where it would share nothing, and labels that only look like it.
func (c *checker) share(service types.ServiceConfig) {
	value, is := c.labelled(service, LabelShare)
	if !is {
		return
	}
	where := at("services", service.Name, "deploy", "labels")
	if value != ShareTrue {
		c.add(where, "service %q has %s: %q; it is %s or %s", service.Name, LabelShare, value, ShareTrue, labelFalse)
	}
	if !hasVolume(service) {
		c.add(where, "service %q has %s and no named volume, so there is nothing to share", service.Name, LabelShare)
	}
	if mode := service.Deploy.Mode; mode != "" && mode != "replicated" || service.Deploy.Replicas != nil && *service.Deploy.Replicas > 1 {
		c.add(where, "service %q has %s and more than one task; the files of one task at a time can be shared", service.Name, LabelShare)
	}
	if !slices.ContainsFunc(service.Deploy.Placement.Constraints, onManagers) {
		c.add(where, "service %q has %s and may run on workers; only managers share volumes, so it needs the constraint node.role == manager", service.Name, LabelShare)
	}
}

// onManagers tells whether a constraint keeps a service on managers.
func onManagers(constraint string) bool {
	return strings.EqualFold(strings.ReplaceAll(constraint, " ", ""), "node.role==manager")
}
