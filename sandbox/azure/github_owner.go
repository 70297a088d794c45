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

// byOwner adds owners to a plugin that does not know them. The owner is in the provider's
// configuration and not in a resource. The engine has one provider for each owner, and
// while resources move from one owner to another, both have resources with the same inputs
// and ids. So the record identifies a resource by owner and id.
func byOwner(p *plugin.Plugin) *plugin.Plugin {
	providers := &owners{}
	for token, t := range p.Types {
		p.Types[token] = providers.assign(t)
	}
	p.Configure = providers.configure
	return p
}

// owners maps the address of an engine's connection to the owner. The engine has one
// connection for each provider, and a request contains nothing else that identifies the
// provider.
type owners struct{ byConnection sync.Map }

// configure takes the owner from the environment, then from the program, as the provider
// does (providerConfigure in integrations/terraform-provider-github, github/provider.go).
// It uses lower case, since GitHub ignores case.
func (o *owners) configure(ctx context.Context, inputs resource.PropertyMap) error {
	config := fromEngine(inputs)
	owner := cmp.Or(text(config, "organization"), os.Getenv("GITHUB_ORGANIZATION"), os.Getenv("GITHUB_OWNER"), text(config, "owner"))
	if p, ok := peer.FromContext(ctx); ok {
		o.byConnection.Store(p.Addr.String(), strings.ToLower(owner))
	}
	return nil
}

// errLostOwner is the error of a request on a connection whose owner is unknown.
var errLostOwner = errors.New("lost the connection that identifies the GitHub provider's owner; run the command again")

// of is the owner of a request. A test may have no connection and no owner.
func (o *owners) of(ctx context.Context) (string, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", nil
	}
	owner, ok := o.byConnection.Load(p.Addr.String())
	if !ok {
		return "", errLostOwner
	}
	return owner.(string), nil
}

// ownerInput is the input that carries the owner into the record.
const ownerInput = "__owner"

// repositoryOf is the full name of a resource's repository.
func repositoryOf(inputs object) string {
	return path.Join(text(inputs, ownerInput), text(inputs, "repository"))
}

// assign adds the owner to a type's inputs before any operation, and hides it from the
// engine.
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

// read reports a secret as gone if somebody else has set it since. The original does the
// same, because a secret's value cannot be read (resourceGithubActionsSecretRead).
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
