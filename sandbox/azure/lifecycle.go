package azure

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

// operation is one request that changes something.
type operation struct {
	*Cloud
	kind   *kind
	urn    resource.URN
	id     string
	name   string
	inputs object
	state  object // the outputs under construction
	old    *entry // the existing resource; nil for a creation
}

// types turns the rows of the table into types of a plugin.
func (c *Cloud) types(kinds []*kind) map[string]plugin.Type {
	types := map[string]plugin.Type{}
	for _, k := range kinds {
		for _, token := range k.tokens {
			types[token] = c.typeOf(k)
		}
	}
	return types
}

func (c *Cloud) typeOf(k *kind) plugin.Type {
	t := plugin.Type{Secrets: k.secrets, Replaces: append(k.parts(), k.replaces...)}
	rules := t
	t.Check = func(_ context.Context, urn resource.URN, olds, news resource.PropertyMap) (resource.PropertyMap, []plugin.Failure, error) {
		if err := c.ready(); err != nil {
			return nil, nil, err
		}
		defer c.mu.Unlock()
		inputs := fromEngine(news)
		failures := c.checked(k, urn, fromEngine(olds), inputs)
		return toEngine(inputs), failures, c.meet(urn, len(olds) > 0)
	}
	t.Diff = func(_ context.Context, _ resource.URN, _ string, oldInputs, _, news resource.PropertyMap) (plugin.Diff, error) {
		return k.compared(rules, oldInputs, news), nil
	}
	t.Create = func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
		if preview {
			return "", toEngine(k.foresee(fromEngine(inputs), nil)), nil
		}
		return c.create(ctx, k, urn, fromEngine(inputs))
	}
	t.Read = func(ctx context.Context, _ resource.URN, id string, inputs, state resource.PropertyMap) (string, resource.PropertyMap, resource.PropertyMap, error) {
		return c.read(ctx, k, id, inputs, state)
	}
	t.Update = func(ctx context.Context, urn resource.URN, id string, _, oldState, news resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
		if preview {
			return toEngine(k.foresee(fromEngine(news), fromEngine(oldState))), nil
		}
		return c.update(ctx, k, urn, id, fromEngine(news))
	}
	t.Delete = func(ctx context.Context, urn resource.URN, id string, _, _ resource.PropertyMap) error {
		return c.remove(ctx, k, urn, id)
	}
	return t
}

// meet records that an engine knows a resource, because the engine has old inputs of it.
func (c *Cloud) meet(urn resource.URN, knows bool) error {
	changed := false
	for _, e := range c.record.Resources {
		if knows && e.URN == string(urn) && !e.Known && !e.Pending {
			e.Known, changed = true, true
		}
	}
	if !changed {
		return nil
	}
	return c.record.save()
}

func (c *Cloud) create(ctx context.Context, k *kind, urn resource.URN, inputs object) (string, resource.PropertyMap, error) {
	op := &operation{Cloud: c, kind: k, urn: urn, inputs: inputs}
	if err := c.admit(ctx, op); err != nil {
		return "", nil, err
	}
	if err := c.carryOut(ctx, op, k.create); err != nil {
		c.withdraw(ctx, op)
		return "", nil, err
	}
	return op.id, toEngine(op.state), c.unseen(op)
}

// carryOut does the work on the VMs, writes the record and updates the packet filters. It
// fails if the caller is gone, because then nobody would record the result.
func (c *Cloud) carryOut(ctx context.Context, op *operation, work func(context.Context, *operation) error) error {
	if work != nil {
		if err := work(ctx, op); err != nil {
			return fmt.Errorf("%s %s (resource %q): %w", op.kind.azure, op.name, op.urn.Name(), err)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s (resource %q): interrupted: %w", op.kind.azure, op.name, op.urn.Name(), err)
	}
	if err := c.settle(op); err != nil {
		return err
	}
	if op.kind.filters {
		return c.followUp(ctx)
	}
	return nil
}

// followUp makes the VMs match the record.
func (c *Cloud) followUp(ctx context.Context) error {
	if err := c.refilter(ctx); err != nil {
		return err
	}
	if err := c.reconnect(ctx); err != nil {
		return err
	}
	return c.reblob(ctx)
}

// settle records the finished state.
func (c *Cloud) settle(op *operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.record.get(op.id)
	e.State, e.Pending = op.public(), false
	if op.kind.touches != nil {
		op.kind.touches(c.record, e)
	}
	return c.record.save()
}

// withdraw undoes a failed creation, even if ctx has ended.
func (c *Cloud) withdraw(ctx context.Context, op *operation) {
	ctx = context.WithoutCancel(ctx)
	c.mu.Lock()
	e := c.record.get(op.id)
	c.mu.Unlock()
	if op.kind.remove != nil && e != nil {
		op.kind.remove(ctx, c, e) // report only the first error
	}
	c.mu.Lock()
	c.record.drop(op.id)
	if op.kind.touches != nil && e != nil {
		op.kind.touches(c.record, e)
	}
	c.record.save()
	c.mu.Unlock()
}

func (c *Cloud) update(ctx context.Context, k *kind, urn resource.URN, id string, inputs object) (resource.PropertyMap, error) {
	op := &operation{Cloud: c, kind: k, urn: urn, id: id, inputs: inputs}
	if err := c.admit(ctx, op); err != nil {
		return nil, err
	}
	if op.old == nil {
		if err := c.carryOut(ctx, op, k.create); err != nil {
			c.withdraw(ctx, op)
			return nil, err
		}
		return toEngine(op.state), nil
	}
	if err := c.carryOut(ctx, op, k.change); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.record.put(op.old)
		c.record.save()
		return nil, err
	}
	return toEngine(op.state), nil
}

// nativeKinds is azure-native's part of the table.
func nativeKinds() []*kind {
	var all []*kind
	for _, part := range [][]*kind{groupKinds, networkKinds, securityKinds, addressKinds, balancerKinds, interfaceKinds, dnsKinds, diskKinds, vmKinds, storageKinds, vaultKinds, roleKinds, webKinds} {
		all = append(all, part...)
	}
	return all
}
