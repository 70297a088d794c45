package delivery

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-github/sdk/v6/go/github"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
)

// deployBranch is the branch whose runs may read the environment's secrets; the
// workflow of stack-repo runs for no other.
const deployBranch = "main"

// stackRepoEnvironment makes the environment that holds stack-repo's secrets. It is open to
// runs of one branch only: a secret of the repository itself can be read by a workflow on
// any branch that somebody can push. It returns the resources that have to exist before the
// secrets, so that the secrets are never in an open environment. Reviewers and waiting
// times that the team adds by hand stay.
func stackRepoEnvironment(ctx *pulumi.Context, name string, a Args, options []pulumi.ResourceOption) ([]pulumi.Resource, error) {
	if a.StackRepo == "" || a.StackRepoEnvironment == "" {
		return nil, nil
	}
	explained, err := failure.Explain(ctx, "environment", a.environmentRefused)
	if err != nil {
		return nil, err
	}
	name = a.named(name, a.StackRepo, a.StackRepoEnvironment)
	environment, err := github.NewRepositoryEnvironment(ctx, name, &github.RepositoryEnvironmentArgs{
		Repository:  pulumi.String(a.StackRepo),
		Environment: pulumi.String(a.StackRepoEnvironment),
		DeploymentBranchPolicy: github.RepositoryEnvironmentDeploymentBranchPolicyArgs{
			ProtectedBranches: pulumi.Bool(false), CustomBranchPolicies: pulumi.Bool(true),
		},
	}, append(slices.Clip(options), explained, pulumi.IgnoreChanges([]string{"reviewers", "waitTimer", "preventSelfReview", "canAdminsBypass"}))...)
	if err != nil {
		return nil, fmt.Errorf("environment %s of %s/%s: %w", a.StackRepoEnvironment, a.GithubOwner, a.StackRepo, err)
	}
	policy, err := github.NewRepositoryEnvironmentDeploymentPolicy(ctx, name+"-"+deployBranch, &github.RepositoryEnvironmentDeploymentPolicyArgs{
		Repository:    environment.Repository,
		Environment:   environment.Environment,
		BranchPattern: pulumi.String(deployBranch),
	}, options...)
	if err != nil {
		return nil, fmt.Errorf("branch rule of environment %s of %s/%s: %w", a.StackRepoEnvironment, a.GithubOwner, a.StackRepo, err)
	}
	return []pulumi.Resource{environment, policy}, nil
}
