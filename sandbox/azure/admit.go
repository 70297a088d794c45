package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// admit checks a request against the record and records it, so other requests see it. The
// work on the VMs follows.
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

// identify determines id and name and refuses an id that exists. An update of a missing
// resource creates it again: azure-native sends the same PUT (defaultUpdate in its
// provider.go).
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
		// azure-native asks before it creates a resource (CanCreate in its crud.go).
		return fmt.Errorf("%s %s (resource %q): cannot create already existing resource %q",
			op.kind.azure, op.name, op.urn.Name(), op.id)
	}
	if !creating && op.old == nil && (op.kind.echo || op.kind.keeps) {
		return op.refuse("ResourceNotFound", "the resource %s was not found", op.id)
	}
	return nil
}

// clear removes a record that has no resource: a VM whose container is gone, or a
// resource made for an engine that was killed before it recorded it. azure-native would
// ask for `pulumi import` in the second case.
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
	for _, e := range suspects { // nobody deleted them, so their names are free
		delete(c.record.Deleted, strings.ToLower(e.ID))
	}
	return nil
}

// judge applies the general rules, then those of the kind.
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

// judgeContainer refuses a resource whose parent does not exist.
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

// judgeChange refuses a change that Azure does not make in place.
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

// refers refuses a reference to a resource that does not exist or is in another region.
// An empty reference is allowed.
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

// region is the region of a resource or of its parent. The location of a resource group
// does not count for its resources.
func (r *record) region(id string) string {
	for ; strings.Contains(id, "/providers/"); id = id[:strings.LastIndex(id, "/")] {
		if e := r.get(id); e != nil && text(e.State, "location") != "" {
			return normalLocation(text(e.State, "location"))
		}
	}
	return ""
}

// public is op.state without secrets.
func (op *operation) public() object {
	state := clone(op.state)
	for _, path := range append(slices.Clone(op.kind.hidden), op.kind.secrets...) {
		drop(state, path)
	}
	return state
}

// recorded are the inputs for the record: secrets as fingerprints.
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
