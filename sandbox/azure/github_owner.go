package azure

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"google.golang.org/grpc/peer"

	"averazure/sandbox/plugin"
)

// byOwner makes pulumi-github of a plugin that knows no owners. Whose a repository
// is, is configured at the provider and stands in no resource: the engine has one
// provider for each owner, and resources with the same inputs and ids at two of
// them while everything moves from one to the other. The record knows them by
// owner and id.
func byOwner(p *plugin.Plugin) *plugin.Plugin {
	providers := &owners{}
	for token, t := range p.Types {
		p.Types[token] = providers.assign(t)
	}
	p.Configure = providers.configure
	return p
}

// owners are the providers' by the address of the engine's connection: it has
// one for each provider, and nothing else in a request tells them apart.
type owners struct{ byConnection sync.Map }

// configure notes the owner in the provider's order (providerConfigure in
// integrations/terraform-provider-github, github/provider.go): the variables go
// before what the program says. In lower case, for GitHub tells none apart.
func (o *owners) configure(ctx context.Context, inputs resource.PropertyMap) error {
	config := fromEngine(inputs)
	owner := cmp.Or(text(config, "organization"), os.Getenv("GITHUB_ORGANIZATION"), os.Getenv("GITHUB_OWNER"), text(config, "owner"))
	if p, ok := peer.FromContext(ctx); ok {
		o.byConnection.Store(p.Addr.String(), strings.ToLower(owner))
	}
	return nil
}

// of is the owner for whom a request is. One that came over no connection is a
// test's, for nobody.
func (o *owners) of(ctx context.Context) (string, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", nil
	}
	owner, ok := o.byConnection.Load(p.Addr.String())
	if !ok {
		return "", errors.New("the connection on which the GitHub provider was given its owner is lost; run the command again")
	}
	return owner.(string), nil
}

// ownerInput is the input that takes the owner into the record.
const ownerInput = "__owner"

// repositoryOf is GitHub's full name of a resource's repository.
func repositoryOf(inputs object) string {
	return path.Join(text(inputs, ownerInput), text(inputs, "repository"))
}

// assign makes a type ask for the owner before it touches anything, and the
// engine see nothing of it.
func (o *owners) assign(t plugin.Type) plugin.Type {
	inner := t
	t.Create = func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
		owner, err := o.of(ctx)
		if err != nil {
			return "", nil, err
		}
		id, state, err := inner.Create(ctx, urn, owned(inputs, owner), preview)
		delete(state, ownerInput)
		return withoutOwner(id, owner), state, err
	}
	t.Read = o.read(inner)
	t.Update = func(ctx context.Context, urn resource.URN, id string, oldInputs, oldState, news resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
		owner, err := o.of(ctx)
		if err != nil {
			return nil, err
		}
		state, err := inner.Update(ctx, urn, path.Join(owner, id), oldInputs, oldState, owned(news, owner), preview)
		delete(state, ownerInput)
		return state, err
	}
	t.Delete = func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) error {
		owner, err := o.of(ctx)
		if err != nil {
			return err
		}
		return inner.Delete(ctx, urn, path.Join(owner, id), inputs, state)
	}
	return t
}

// read takes a secret that somebody else has set since for gone, as the original
// does, for its value cannot be read (resourceGithubActionsSecretRead).
func (o *owners) read(inner plugin.Type) func(context.Context, resource.URN, string, resource.PropertyMap, resource.PropertyMap) (string, resource.PropertyMap, resource.PropertyMap, error) {
	return func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) (string, resource.PropertyMap, resource.PropertyMap, error) {
		owner, err := o.of(ctx)
		if err != nil {
			return "", nil, nil, err
		}
		written := state["updatedAt"]
		id, inputs, state, err = inner.Read(ctx, urn, path.Join(owner, id), inputs, state)
		if strings.HasSuffix(typeName(string(urn.Type())), "Secret") && written.IsString() && !written.DeepEquals(state["updatedAt"]) {
			return "", nil, nil, err
		}
		delete(inputs, ownerInput)
		delete(state, ownerInput)
		return withoutOwner(id, owner), inputs, state, err
	}
}

func owned(inputs resource.PropertyMap, owner string) resource.PropertyMap {
	inputs = inputs.Copy()
	inputs[ownerInput] = resource.NewStringProperty(owner)
	return inputs
}

func withoutOwner(id, owner string) string { return strings.TrimPrefix(id, owner+"/") }
