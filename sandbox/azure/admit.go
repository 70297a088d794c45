package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// admit judges a request against the record and enters it: from here on others
// see it. The machines follow.
func (c *Cloud) admit(ctx context.Context, op *operation) error {
	if err := c.clear(ctx, op); err != nil {
		return err
	}
	if err := c.ready(); err != nil {
		return err
	}
	defer c.mu.Unlock()
	creating := op.id == ""
	if err := c.identify(op, creating); err != nil {
		return err
	}
	if err := c.judge(op); err != nil {
		return err
	}
	op.state = op.kind.outputs(op.inputs)
	if !op.kind.echo {
		op.state["name"], op.state["type"] = op.name, op.kind.azure
		op.state["id"] = op.id
	}
	if op.kind.complete != nil {
		op.kind.complete(op)
	}
	e := &entry{ID: op.id, Token: string(op.urn.Type()), URN: string(op.urn), Inputs: c.withoutSecrets(op), State: op.public(), Pending: true, Known: !creating}
	if op.old != nil {
		e.Pending, e.Known, e.Filter, e.Uplink = false, true, op.old.Filter, op.old.Uplink
	}
	c.record.put(e)
	return nil
}

// identify settles id and name, and refuses a second resource of one id. An update of
// what is not there makes it anew: azure-native sends the same PUT (defaultUpdate in
// its provider.go).
func (c *Cloud) identify(op *operation, creating bool) error {
	if creating && op.kind.identify != nil {
		op.id = op.kind.identify(op)
	} else if creating {
		op.id = op.kind.id(c.record.Subscription, op.inputs)
	}
	op.name = last(op.id)
	if input := op.kind.nameInput(); input != "" {
		op.name = text(op.inputs, input)
	}
	op.old = c.record.get(op.id)
	if creating && op.old != nil && !op.kind.upsert {
		// azure-native asks before it creates (CanCreate in its crud.go).
		return fmt.Errorf("%s %s (resource %q): cannot create already existing resource %q",
			op.kind.azure, op.name, op.urn.Name(), op.id)
	}
	if !creating && op.old == nil && (op.kind.echo || op.kind.keeps) {
		return op.refuse("ResourceNotFound", "the resource %s was not found", op.id)
	}
	return nil
}

// clear removes what stands in the way of a resource to be made without being there: a machine whose container is gone, or what was made for an engine that
// was killed before it could note it. The original would leave the latter to
// `pulumi import`.
func (c *Cloud) clear(ctx context.Context, op *operation) error {
	if err := c.ready(); err != nil {
		return err
	}
	var suspects []*entry
	for _, e := range c.record.Resources {
		if op.id == "" && e.URN == string(op.urn) && !e.Known && !e.Pending {
			suspects = append(suspects, e)
		}
	}
	here := c.record.get(op.id)
	if op.id == "" && op.kind.identify == nil {
		here = c.record.get(op.kind.id(c.record.Subscription, op.inputs))
	}
	c.mu.Unlock()
	if here != nil && here.Known && op.kind.gone != nil {
		gone, err := op.kind.gone(ctx, c, here)
		if err != nil {
			return err
		}
		if gone {
			suspects = append(suspects, here)
		}
	}
	if err := c.erase(ctx, suspects); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range suspects { // nobody deleted them: their names are free
		delete(c.record.Deleted, strings.ToLower(e.ID))
	}
	return nil
}

// judge puts the general rules before those of the kind.
func (c *Cloud) judge(op *operation) error {
	if op.kind.nameInput() != "" && op.old == nil {
		if err := op.kind.rule.judge(op); err != nil {
			return err
		}
	}
	if err := c.judgeContainer(op); err != nil {
		return err
	}
	if op.old != nil {
		if err := op.judgeChange(); err != nil {
			return err
		}
	}
	for _, path := range op.kind.refs {
		if err := op.refers(path, text(op.inputs, path)); err != nil {
			return err
		}
	}
	if op.kind.judge != nil {
		return op.kind.judge(op)
	}
	return nil
}

// judgeContainer refuses a resource in a place that does not exist.
func (c *Cloud) judgeContainer(op *operation) error {
	id := op.kind.container(c.record.Subscription, op.inputs)
	if id == "" || c.record.get(id) != nil {
		return nil
	}
	if group := text(op.inputs, "resourceGroupName"); strings.HasSuffix(id, "/resourceGroups/"+group) {
		return op.refuse("ResourceGroupNotFound", "resource group '%s' could not be found", group)
	}
	return op.refuse("ParentResourceNotFound",
		"can not perform requested operation on nested resource, parent resource '%s' not found", id)
}

// judgeChange refuses what cannot change in place.
func (op *operation) judgeChange() error {
	for _, path := range op.kind.frozen {
		before, after := at(op.old.Inputs, path), at(op.recorded(), path)
		if !same(before, after) {
			return op.refuse("PropertyChangeNotAllowed",
				"changing property '%s' is not allowed; a new resource is needed (ReplaceOnChanges with DeleteBeforeReplace)", path)
		}
	}
	if before, after := text(op.old.State, "location"), text(op.inputs, "location"); op.kind.located &&
		normalLocation(before) != normalLocation(after) {
		return op.refuse("InvalidResourceLocation", "the resource '%s' already exists in location '%s'; "+
			"a resource with the same name cannot be created in location '%s'", op.name, before, after)
	}
	return nil
}

// refers refuses a reference to what does not exist, or is in another region. An
// empty one is none.
func (op *operation) refers(path, id string) error {
	if id == "" {
		return nil
	}
	if op.record.get(id) == nil {
		return op.refuse("InvalidResourceReference",
			"resource %s referenced by resource %s (%s) was not found; make sure that the referenced resource exists", id, op.id, path)
	}
	own := normalLocation(text(op.inputs, "location"))
	if own == "" {
		own = op.record.region(op.kind.container(op.record.Subscription, op.inputs))
	}
	if other := op.record.region(id); own != "" && other != "" && own != other {
		return op.refuse("InvalidResourceReference", "resource %s referenced by resource %s (%s) is in location %s, this one in %s; "+
			"both must be in the same region", id, op.id, path, other, own)
	}
	return nil
}

// region is where a resource is, or what it lies in. A resource group's own
// location says nothing of what is in it.
func (r *record) region(id string) string {
	for ; strings.Contains(id, "/providers/"); id = id[:strings.LastIndex(id, "/")] {
		if e := r.get(id); e != nil && text(e.State, "location") != "" {
			return normalLocation(text(e.State, "location"))
		}
	}
	return ""
}

// public is op.state without what is secret.
func (op *operation) public() object {
	state := clone(op.state)
	for _, path := range append(slices.Clone(op.kind.hidden), op.kind.secrets...) {
		drop(state, path)
	}
	return state
}

// recorded are the inputs as the record keeps them: secrets only as fingerprints.
func (op *operation) recorded() object { return op.withoutSecrets(op) }

func (c *Cloud) withoutSecrets(op *operation) object {
	inputs := clone(op.inputs)
	for _, path := range op.kind.hidden {
		if v := at(inputs, path); v != nil {
			put(inputs, path, c.record.fingerprint(v))
		}
	}
	return inputs
}
