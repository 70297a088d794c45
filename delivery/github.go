package delivery

import (
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi-github/sdk/v6/go/github"
	"github.com/pulumi/pulumi-tls/sdk/v5/go/tls"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// setting is one Actions secret or variable.
type setting struct {
	repository string
	name       string
	secret     bool
	value      pulumi.StringInput
	output     string // the stack output of the same value, for whoever sets it by hand
	says       string
}

// providerVersion is the provider that the SDK in go.mod belongs to.
const providerVersion = "6.7.0"

// settings lists what the pipelines of the two repositories read. What has no
// value is left out: GitHub refuses an empty one.
func settings(a Args, stackRepoKey pulumi.StringInput) []setting {
	login := a.Registry.Username != ""
	manager := a.Cluster.Managers[0]
	all := []struct {
		setting
		wanted bool
	}{
		{setting{a.CodeRepo, "GHCR_TOKEN", true, a.Registry.Token, "registryToken", "pushes the image"}, login},
		{setting{a.CodeRepo, "STACK_REPO_KEY", true, stackRepoKey, "", "deploy key with which the pipeline pushes to stack-repo"}, a.StackRepo != ""},
		{setting{a.CodeRepo, "REGISTRY", false, pulumi.String(a.Registry.Server), "registryServer", "where the image is pushed"}, true},
		{setting{a.CodeRepo, "REGISTRY_USERNAME", false, pulumi.String(a.Registry.Username), "registryUsername", "as whom"}, login},
		{setting{a.CodeRepo, "IMAGE", false, pulumi.String(a.Stack.Image), "image", "the image, without a tag"}, true},
		{setting{a.CodeRepo, "STACK_REPO", false, pulumi.String(a.GithubOwner + "/" + a.StackRepo), "", "where its tag is changed"}, a.StackRepo != ""},
		{setting{a.CodeRepo, "APP_SERVICE", false, pulumi.String(a.Stack.Service), "appService", "the service that runs it"}, true},
		{setting{a.StackRepo, "GHCR_TOKEN", true, a.Registry.Token, "registryToken", "asks the registry for the image before a deployment"}, login},
		{setting{a.StackRepo, "MANAGER_IP", true, manager.PublicAddress, "managerIp", "the manager that deploys; kept out of public logs"}, true},
		{setting{a.StackRepo, "SSH_PRIVATE_KEY", true, a.Infra.DeployKey.Private, "deployPrivateKey", "deploy key: stackctl and nothing else"}, true},
		{setting{a.StackRepo, "MANAGER_HOST_KEY", false, manager.HostKey, "managerHostKey", "the manager's public host key"}, true},
		{setting{a.StackRepo, "SSH_USER", false, pulumi.String(a.Cluster.DeployUser), "deployUser", "account of the deploy key"}, true},
		{setting{a.StackRepo, "STACK_NAME", false, pulumi.String(a.Stack.Name), "stackName", "the Docker stack"}, true},
		{setting{a.StackRepo, "REGISTRY", false, pulumi.String(a.Registry.Server), "registryServer", "where the image is"}, true},
		{setting{a.StackRepo, "REGISTRY_USERNAME", false, pulumi.String(a.Registry.Username), "registryUsername", "as whom it is read"}, login},
		{setting{a.StackRepo, "IMAGE", false, pulumi.String(a.Stack.Image), "image", "the image, without a tag"}, true},
	}
	var list []setting
	for _, s := range all {
		if s.wanted && s.repository != "" {
			list = append(list, s.setting)
		}
	}
	return list
}

// named is the logical name of something at GitHub. It has the owner in it, which
// no id and no input has: for another owner a new set is made through a provider
// of its own, and then the old one deleted through the old provider. In lower
// case, since GitHub does not tell Acme from acme: the new set would be the old
// one, and be deleted with it.
func (c Config) named(name string, parts ...string) string {
	return strings.ToLower(strings.Join(append([]string{name, c.GithubOwner}, parts...), "-"))
}

// deliver writes the settings to the repositories. The provider's own program
// takes its token from GITHUB_TOKEN, or else from `gh auth token`; with neither
// it reads what is public and writes nothing. The token is not an input, since CI
// has another one in every run and each would be a change of the provider.
func deliver(ctx *pulumi.Context, name string, a Args, parent pulumi.Resource) error {
	if name := overruling(); name != "" {
		return fmt.Errorf("the variable %s is set, and the GitHub provider puts it above averazure:githubOwner (%q), for what it deletes too; unset it", name, a.GithubOwner)
	}
	provider := &github.Provider{}
	err := ctx.RegisterResource("pulumi:providers:github", a.named(name, "github"), pulumi.Map{"owner": pulumi.String(a.GithubOwner)},
		provider, pulumi.Version(providerVersion), pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("github provider for %s: %w", a.GithubOwner, err)
	}
	// GitHub's API has no way to change a secret that keeps it there: made
	// before the old one is deleted, the new one is what would be deleted.
	options := []pulumi.ResourceOption{pulumi.Parent(parent), pulumi.Provider(provider), pulumi.DeleteBeforeReplace(true)}
	key, err := stackRepoKey(ctx, name, a, parent, options)
	if err != nil {
		return err
	}
	for _, s := range settings(a, key) {
		if err := s.write(ctx, a.id(name, s), options); err != nil {
			return fmt.Errorf("%s/%s: %s: %w", a.GithubOwner, s.repository, s.name, err)
		}
	}
	return nil
}

// overruling is the variable, if one is set, that the provider's own program puts
// above its owner (providerConfigure in integrations/terraform-provider-github).
// Even the owner that is configured now is the wrong one for what another's
// provider deletes in the same run.
func overruling() string {
	for _, name := range []string{"GITHUB_ORGANIZATION", "GITHUB_OWNER"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// stackRepoKey lets code-repo's pipeline push to stack-repo and to nothing else.
// Another owner gets another key: GitHub takes one for a single repository, and
// the old owner's still has it.
func stackRepoKey(ctx *pulumi.Context, name string, a Args, parent pulumi.Resource, options []pulumi.ResourceOption) (pulumi.StringInput, error) {
	if a.CodeRepo == "" || a.StackRepo == "" {
		return nil, nil
	}
	name = a.named(name, "stack-repo-key")
	key, err := tls.NewPrivateKey(ctx, name, &tls.PrivateKeyArgs{Algorithm: pulumi.String("ED25519")},
		pulumi.Parent(parent), pulumi.AdditionalSecretOutputs([]string{"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}))
	if err != nil {
		return nil, fmt.Errorf("key for %s/%s: %w", a.GithubOwner, a.StackRepo, err)
	}
	_, err = github.NewRepositoryDeployKey(ctx, name, &github.RepositoryDeployKeyArgs{
		Repository: pulumi.String(a.StackRepo),
		Title:      pulumi.String("pipeline of " + a.CodeRepo),
		Key:        key.PublicKeyOpenssh.ApplyT(strings.TrimSpace).(pulumi.StringOutput),
		ReadOnly:   pulumi.Bool(false),
	}, options...)
	if err != nil {
		return nil, fmt.Errorf("key for %s/%s: %w", a.GithubOwner, a.StackRepo, err)
	}
	return key.PrivateKeyOpenssh, nil
}

// id is the name of the setting's resource.
func (c Config) id(name string, s setting) string {
	return c.named(name, s.repository, strings.ReplaceAll(s.name, "_", "-"))
}

func (s setting) write(ctx *pulumi.Context, id string, options []pulumi.ResourceOption) error {
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

// settingTable documents them.
func settingTable(list []setting, repository string) string {
	var text strings.Builder
	fmt.Fprintln(&text, "| name | kind | output | what |\n| --- | --- | --- | --- |")
	for _, s := range list {
		if s.repository != repository {
			continue
		}
		kind := "variable"
		if s.secret {
			kind = "secret"
		}
		output := ""
		if s.output != "" {
			output = "`" + s.output + "`"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", s.name, kind, output, s.says)
	}
	return text.String()
}
