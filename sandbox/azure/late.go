package azure

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

// Late is how long the directory takes to show what is new. The original does so
// within seconds mostly, and at times within minutes
// (hashicorp/terraform-provider-azuread #1802, #1811).
type Late struct {
	// Tries is how often each creation that refers to an application or a principal
	// is refused, as if that was not there.
	Tries int
	// Unseen has the creation of an application or a principal fail after it has
	// been made, because the provider did not get to see it.
	Unseen bool
}

// WithLate opens the cloud with a directory that is late.
func (c *Cloud) WithLate(l Late) *Cloud {
	c.late, c.tried = l, map[resource.URN]int{}
	return c
}

// early says that the directory does not show yet what a creation refers to.
func (op *operation) early() bool {
	if op.old != nil || op.tried[op.urn] >= op.late.Tries {
		return false
	}
	op.tried[op.urn]++
	return true
}

// unseen is the end of a creation that the directory does not show: the provider
// has noted the resource's id and what it was asked for, and has read nothing.
// "Timed out whilst waiting" is the original's text, in the Create of
// internal/services/{applications,serviceprincipals} at 2.47.
func (c *Cloud) unseen(op *operation) error {
	what, ok := map[*kind]string{application: "application", servicePrincipal: "service principal"}[op.kind]
	if !ok || !c.late.Unseen {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.get(op.id).Known = true // the engine does, and another creation would make a second one
	if err := c.record.save(); err != nil {
		return err
	}
	return &plugin.Unfinished{ID: op.id, State: toEngine(clone(op.inputs)), Reason: op.refuse("Request_ResourceNotFound",
		"Timed out whilst waiting for new %s to be replicated in Azure AD", what)}
}
