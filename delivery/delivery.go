package delivery

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/infra"
	"averazure/internal/names"
	"averazure/internal/registry"
	"averazure/stack"
)

// Args is what the layer hands on.
type Args struct {
	Config
	Infra   *infra.Infra
	Cluster *cluster.Cluster
	Stack   *stack.Stack
	// Push is the registry with the login that pushes the image. Pull is the registry with
	// the login that only reads it; without a separate token it is the same as Push.
	Push, Pull registry.Registry
	// StackRepoToken is the token with which code-repo pushes to stack-repo, a secret; nil
	// where it pushes with a deploy key or as a GitHub App.
	StackRepoToken pulumi.StringInput
}

// delivery is the fourth component; nothing depends on it.
type delivery struct{ pulumi.ResourceState }

// New exports the Pulumi stack's outputs and, with an owner, writes them to GitHub.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) error {
	d := &delivery{}
	if err := ctx.RegisterComponentResource(names.Project+":delivery:Delivery", name, d, opts...); err != nil {
		return fmt.Errorf("delivery %s: %w", name, err)
	}
	export(ctx, outputs(args))
	if args.GithubOwner != "" {
		if err := deliver(ctx, name, args, d); err != nil {
			return fmt.Errorf("delivery: %w", err)
		}
	} else if variable := ownerOverride(); variable != "" {
		// This warning is of use only where an earlier run has written something.
		ctx.Log.Warn(fmt.Sprintf("the variable %s is set: the provider would look for what was delivered earlier at %s instead, and would not find it or delete it there; unset it",
			variable, os.Getenv(variable)), &pulumi.LogArgs{Resource: d})
	}
	return ctx.RegisterResourceOutputs(d, pulumi.Map{})
}
