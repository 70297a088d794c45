package azure

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

// Late is how long the directory takes to show new objects. Entra mostly takes seconds
// and sometimes minutes (hashicorp/terraform-provider-azuread #1802, #1811).
type Late struct {
	// Tries is how many times each creation that refers to an application or principal is
	// refused, as if the application or principal did not exist.
	Tries int
	// Unseen makes the creation of an application or principal fail although the object was
	// created, because the provider does not see the object.
	Unseen bool
}

// WithLate makes the directory late.
func (c *Cloud) WithLate(l Late) *Cloud {
	c.late, c.tried = l, map[resource.URN]int{}
	return c
}

// early tells whether the directory does not yet show the object that a creation refers to.
func (op *operation) early() bool {
	if op.old != nil || op.tried[op.urn] >= op.late.Tries {
		return false
	}
	op.tried[op.urn]++
	return true
}

// unseen is the error of a creation whose object the directory does not show. The provider
// has recorded the id and the inputs, but has not read the object. "Timed out whilst
// waiting" is quoted from Create in internal/services/{applications,serviceprincipals} at
// 2.47.
func (c *Cloud) unseen(op *operation) error {
	what, ok := map[*kind]string{application: "application", servicePrincipal: "service principal"}[op.kind]
	if !ok || !c.late.Unseen {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.get(op.id).Known = true // the engine knows it, so another creation does not remove it first
	if err := c.record.save(); err != nil {
		return err
	}
	return &plugin.Unfinished{ID: op.id, State: toEngine(clone(op.inputs)), Reason: op.refuse("Request_ResourceNotFound",
		"Timed out whilst waiting for new %s to be replicated in Azure AD", what)}
}
