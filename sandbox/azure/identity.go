package azure

import "strings"

// completeIdentity gives a resource its system-assigned principal.
func (op *operation) completeIdentity() {
	if !strings.Contains(text(op.inputs, "identity.type"), "SystemAssigned") {
		return
	}
	op.keep("identity.principalId", freshUUID)
	put(op.state, "identity.tenantId", op.record.Tenant)
}

// principal returns whether an object id exists, and its type.
func (r *record) principal(id string) (kind string, found bool) {
	if strings.EqualFold(id, r.ObjectID) {
		return "User", true
	}
	for _, e := range r.Resources {
		own := text(e.State, "identity.principalId")
		if typeName(e.Token) == "ServicePrincipal" {
			own = text(e.State, "objectId")
		}
		if own != "" && strings.EqualFold(own, id) {
			return "ServicePrincipal", true
		}
	}
	return "", false
}
