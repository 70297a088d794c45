package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// typeOf finds the behaviour of urn's type. An unknown type fails in the preview already,
// since Check comes first.
func (p *provider) typeOf(urn resource.URN) (Type, error) {
	t, ok := p.plugin.Types[string(urn.Type())]
	if !ok {
		return Type{}, fmt.Errorf("the sandbox's plugin %s does not emulate the type %s; sandbox/README.md lists the types", p.plugin.Name, urn.Type())
	}
	return t, nil
}

func (p *provider) Check(ctx context.Context, req engine.CheckRequest) (engine.CheckResponse, error) {
	t, err := p.typeOf(req.URN)
	if err != nil {
		return engine.CheckResponse{}, err
	}
	news, failures := plain(req.News), []Failure(nil)
	if t.Check != nil {
		ctx, done := p.link.operation(ctx, req.URN, 0)
		defer done()
		if news, failures, err = t.Check(ctx, req.URN, plain(req.Olds), news); err != nil {
			return engine.CheckResponse{}, err
		}
	}
	news = plain(news)
	conceal(news, req.News, t.SecretsInLists)
	for _, path := range t.Secrets { // an input is as secret as its output
		concealPath(news, path)
	}
	return engine.CheckResponse{Properties: news, Failures: wireFailures(failures)}, nil
}

func (p *provider) Diff(ctx context.Context, req engine.DiffRequest) (engine.DiffResponse, error) {
	t, err := p.typeOf(req.URN)
	if err != nil {
		return engine.DiffResponse{}, err
	}
	if t.Diff == nil {
		return t.Compare(req.OldInputs, req.NewInputs).wire(), nil
	}
	ctx, done := p.link.operation(ctx, req.URN, 0)
	defer done()
	diff, err := t.Diff(ctx, req.URN, string(req.ID), plain(req.OldInputs), plain(req.OldOutputs), plain(req.NewInputs))
	return diff.wire(), err
}

func (p *provider) Create(ctx context.Context, req engine.CreateRequest) (engine.CreateResponse, error) {
	t, err := p.typeOf(req.URN)
	if err != nil {
		return engine.CreateResponse{}, err
	}
	create := t.Create
	if create == nil {
		create = record
	}
	ctx, done := p.link.operation(ctx, req.URN, req.Timeout)
	defer done()
	id, state, err := create(ctx, req.URN, plain(req.Properties), req.Preview)
	var unfinished *Unfinished
	if errors.As(err, &unfinished) {
		return engine.CreateResponse{}, unfinished.wire(t.concealState(unfinished.State, req.Properties, nil))
	}
	if err != nil {
		return engine.CreateResponse{}, err
	}
	return engine.CreateResponse{ID: resource.ID(id), Properties: t.concealState(state, req.Properties, nil)}, nil
}

// record is the Create of a type that has none.
func record(_ context.Context, urn resource.URN, inputs resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
	id, err := resource.NewUniqueHex(urn.Name()+"-", 8, 0)
	return id, inputs, err
}

func (p *provider) Read(ctx context.Context, req engine.ReadRequest) (engine.ReadResponse, error) {
	t, err := p.typeOf(req.URN)
	if err != nil {
		return engine.ReadResponse{}, err
	}
	found := engine.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: req.State}
	if t.Read == nil {
		return engine.ReadResponse{ReadResult: found}, nil
	}
	ctx, done := p.link.operation(ctx, req.URN, req.Timeout)
	defer done()
	id, inputs, state, err := t.Read(ctx, req.URN, string(req.ID), plain(req.Inputs), plain(req.State))
	if err != nil || id == "" {
		return engine.ReadResponse{}, err
	}
	inputs = plain(inputs)
	conceal(inputs, req.Inputs, t.SecretsInLists)
	found = engine.ReadResult{ID: resource.ID(id), Inputs: inputs, Outputs: t.concealState(state, inputs, req.State)}
	return engine.ReadResponse{ReadResult: found}, nil
}

func (p *provider) Update(ctx context.Context, req engine.UpdateRequest) (engine.UpdateResponse, error) {
	t, err := p.typeOf(req.URN)
	if err != nil {
		return engine.UpdateResponse{}, err
	}
	ctx, done := p.link.operation(ctx, req.URN, req.Timeout)
	defer done()
	old, news := plain(req.OldOutputs), plain(req.NewInputs)
	var state resource.PropertyMap
	if t.Update == nil {
		state = overlay(plain(req.OldInputs), old, news)
	} else if state, err = t.Update(ctx, req.URN, string(req.ID), plain(req.OldInputs), old, news, req.Preview); err != nil {
		return engine.UpdateResponse{}, err
	}
	return engine.UpdateResponse{Properties: t.concealState(state, req.NewInputs, nil)}, nil
}

// overlay is the Update of a type that has none: the old outputs without the removed
// inputs, and the new inputs on top.
func overlay(oldInputs, oldState, news resource.PropertyMap) resource.PropertyMap {
	state := maps.Clone(oldState)
	for k := range oldInputs {
		delete(state, k)
	}
	maps.Copy(state, news)
	return state
}

func (p *provider) Delete(ctx context.Context, req engine.DeleteRequest) (engine.DeleteResponse, error) {
	t, err := p.typeOf(req.URN)
	if err != nil || t.Delete == nil {
		return engine.DeleteResponse{}, err
	}
	ctx, done := p.link.operation(ctx, req.URN, req.Timeout)
	defer done()
	return engine.DeleteResponse{}, t.Delete(ctx, req.URN, string(req.ID), plain(req.Inputs), plain(req.Outputs))
}
