package delivery

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/infra"
	"averazure/internal/registry"
	"averazure/stack"
)

// Args is what the layer hands on.
type Args struct {
	Config
	Infra    *infra.Infra
	Cluster  *cluster.Cluster
	Stack    *stack.Stack
	Registry registry.Registry
}

// delivery is the fourth component; it has nothing that others could use.
type delivery struct{ pulumi.ResourceState }

// New exports the stack's outputs and, with an owner, writes them to GitHub.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) error {
	d := &delivery{}
	if err := ctx.RegisterComponentResource("averazure:delivery:Delivery", name, d, opts...); err != nil {
		return fmt.Errorf("delivery %s: %w", name, err)
	}
	export(ctx, outputs(args))
	if args.GithubOwner != "" {
		if err := deliver(ctx, name, args, d); err != nil {
			return fmt.Errorf("delivery: %w", err)
		}
	}
	return ctx.RegisterResourceOutputs(d, pulumi.Map{})
}
