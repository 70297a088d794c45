package delivery

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-github/sdk/v6/go/github"
	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
)

// providerVersion is the version of the provider that the SDK in go.mod belongs to.
const providerVersion = "6.7.0"

// named is the logical name of a resource at GitHub. It contains the owner, which no id and
// no input does. So for another owner a new set is made through another provider, and then
// the old set is deleted through the old provider. The name is in lower case, since GitHub
// does not distinguish Acme from acme: the new set would be the old one, and would be
// deleted with it.
func (c Config) named(name string, parts ...string) string {
	return strings.ToLower(strings.Join(append([]string{name, c.GithubOwner}, parts...), "-"))
}

// deliver writes the settings to the repositories. The provider's own program
// takes its token from GITHUB_TOKEN, or else from `gh auth token`; with neither
// it reads what is public and writes nothing. The token is not an input, since CI
// has another one in every run and each would be a change of the provider.
func deliver(ctx *pulumi.Context, name string, a Args, parent pulumi.Resource) error {
	if name := ownerOverride(); name != "" {
		return fmt.Errorf("the variable %s is set, and the GitHub provider prefers it to averazure:githubOwner (%q), even for deletions; unset it", name, a.GithubOwner)
	}
	provider := &github.Provider{}
	err := ctx.RegisterResource("pulumi:providers:github", a.named(name, "github"), pulumi.Map{"owner": pulumi.String(a.GithubOwner)},
		provider, pulumi.Version(providerVersion), pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("github provider for %s: %w", a.GithubOwner, err)
	}
	// GitHub's API cannot change a secret without replacing it. If the new secret were made
	// before the old one is deleted, the deletion would delete the new one.
	options := []pulumi.ResourceOption{pulumi.Parent(parent), pulumi.Provider(provider), pulumi.DeleteBeforeReplace(true)}
	key, err := stackRepoKey(ctx, name, a, parent, options)
	if err != nil {
		return err
	}
	guard, err := stackRepoEnvironment(ctx, name, a, options)
	if err != nil {
		return err
	}
	for _, s := range actionSettings(a, key) {
		its := options
		if s.environment != "" {
			its = append(slices.Clip(options), pulumi.DependsOn(guard))
		}
		if err := s.write(ctx, a.id(name, s), its); err != nil {
			return fmt.Errorf("%s/%s: %s: %w", a.GithubOwner, s.repository, s.name, err)
		}
	}
	return nil
}

// ownerOverride is the variable, if one is set, that the provider's own program prefers to
// its configured owner (providerConfigure in integrations/terraform-provider-github). Even
// a variable with the owner that is configured now is wrong: the provider of another owner
// may delete something in the same run.
func ownerOverride() string {
	for _, name := range []string{"GITHUB_ORGANIZATION", "GITHUB_OWNER"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// pushesWithKey says whether code-repo pushes to stack-repo with a deploy key: it
// does unless the configuration has another way.
func (a Args) pushesWithKey() bool {
	return a.CodeRepo != "" && a.StackRepo != "" && a.StackRepoToken == nil && a.StackRepoApp == ""
}

// stackRepoKey lets code-repo's pipeline push to stack-repo and to nothing else. Another
// owner gets another key: GitHub accepts a key for one repository only, and the old owner's
// repository still has it.
func stackRepoKey(ctx *pulumi.Context, name string, a Args, parent pulumi.Resource, options []pulumi.ResourceOption) (pulumi.StringInput, error) {
	if !a.pushesWithKey() {
		return nil, nil
	}
	name = a.named(name, "stack-repo-key")
	key, err := tls.NewPrivateKey(ctx, name, &tls.PrivateKeyArgs{Algorithm: pulumi.String("ED25519")},
		pulumi.Parent(parent), pulumi.AdditionalSecretOutputs([]string{"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}))
	if err != nil {
		return nil, fmt.Errorf("key for %s/%s: %w", a.GithubOwner, a.StackRepo, err)
	}
	explained, err := failure.Explain(ctx, "deploy key", a.keyRefused)
	if err != nil {
		return nil, err
	}
	_, err = github.NewRepositoryDeployKey(ctx, name, &github.RepositoryDeployKeyArgs{
		Repository: pulumi.String(a.StackRepo),
		Title:      pulumi.String("pipeline of " + a.CodeRepo),
		Key:        key.PublicKeyOpenssh.ApplyT(strings.TrimSpace).(pulumi.StringOutput),
		ReadOnly:   pulumi.Bool(false),
	}, append(slices.Clip(options), explained)...)
	if err != nil {
		return nil, fmt.Errorf("key for %s/%s: %w", a.GithubOwner, a.StackRepo, err)
	}
	return key.PrivateKeyOpenssh, nil
}

func (s setting) write(ctx *pulumi.Context, id string, options []pulumi.ResourceOption) error {
	if s.secret && s.environment != "" {
		_, err := github.NewActionsEnvironmentSecret(ctx, id, &github.ActionsEnvironmentSecretArgs{
			Repository: pulumi.String(s.repository), Environment: pulumi.String(s.environment), SecretName: pulumi.String(s.name),
			PlaintextValue: pulumi.ToSecret(s.value).(pulumi.StringOutput).ToStringPtrOutput(),
		}, options...)
		return err
	}
	if s.secret {
		_, err := github.NewActionsSecret(ctx, id, &github.ActionsSecretArgs{
			Repository: pulumi.String(s.repository), SecretName: pulumi.String(s.name),
			PlaintextValue: pulumi.ToSecret(s.value).(pulumi.StringOutput).ToStringPtrOutput(),
		}, options...)
		return err
	}
	_, err := github.NewActionsVariable(ctx, id, &github.ActionsVariableArgs{
		Repository: pulumi.String(s.repository), VariableName: pulumi.String(s.name), Value: s.value,
	}, options...)
	return err
}
