package delivery

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/registry"
)

// setting is one Actions secret or variable.
type setting struct {
	repository  string
	environment string // in which a secret lies; empty for the repository's own
	name        string
	secret      bool
	value       pulumi.StringInput
	output      string // the stack output of the same value, for people who set it by hand
	says        string
	wanted      bool
}

// candidates lists what the pipelines of the two repositories may read, in the
// order of the documentation. On ghcr.io code-repo pushes with the token of its
// workflow run, which expires with the run.
func candidates(a Args, key pulumi.StringInput) []setting {
	code, stack, environment := a.CodeRepo, a.StackRepo, a.StackRepoEnvironment
	pushes, pulls := a.Push.Username != "" && a.Push.Server != registry.GHCR, a.Pull.Username != ""
	manager := a.Cluster.Managers[0]
	return []setting{
		{code, "", "GHCR_TOKEN", true, a.Push.Token, "", "pushes the image (`averazure:registryToken`); not on ghcr.io, where the workflow uses its own token", pushes},
		{code, "", "STACK_REPO_KEY", true, key, "", "deploy key with which the pipeline pushes to stack-repo", a.pushesWithKey()},
		{code, "", "STACK_REPO_TOKEN", true, a.StackRepoToken, "", "pushes to stack-repo instead of the key, with `averazure:stackRepoToken`", stack != "" && a.StackRepoToken != nil},
		{code, "", "STACK_REPO_APP_ID", false, pulumi.String(a.StackRepoApp), "", "GitHub App that pushes to stack-repo, with `averazure:stackRepoApp`; its key is the secret `STACK_REPO_APP_KEY`, which you set by hand", stack != "" && a.StackRepoApp != ""},
		{code, "", "REGISTRY", false, pulumi.String(a.Push.Server), "registryServer", "the registry to push to", true},
		{code, "", "REGISTRY_USERNAME", false, pulumi.String(a.Push.Username), "", "user that pushes (`averazure:registryUsername`); not on ghcr.io", pushes},
		{code, "", "IMAGE", false, pulumi.String(a.Stack.Image), "image", "the image, without a tag", true},
		{code, "", "STACK_REPO", false, pulumi.String(stack), "", "repository in which the pipeline changes the tag, without the owner", stack != ""},
		{code, "", "APP_SERVICE", false, pulumi.String(a.Stack.Service), "appService", "the service that runs it", true},
		{stack, environment, "GHCR_TOKEN", true, a.Pull.Token, "registryToken", "asks the registry for the image before a deployment", pulls},
		{stack, environment, "MANAGER_IP", true, manager.PublicAddress, "managerIp", "the manager that deploys; kept out of public logs", true},
		{stack, environment, "MANAGERS", true, managerLines(a.Cluster.Managers), "managers", "every manager with its host key, one a line, in the order in which the pipeline asks them", true},
		{stack, environment, "SSH_PRIVATE_KEY", true, a.Infra.DeployKey.Private, "deployPrivateKey", "deploy key: stackctl and nothing else", true},
		{stack, "", "DEPLOY_ENVIRONMENT", false, pulumi.String(environment), "", "the environment that has these secrets (`averazure:stackRepoEnvironment`)", environment != ""},
		{stack, "", "MANAGER_HOST_KEY", false, manager.HostKey, "managerHostKey", "the manager's public host key", true},
		{stack, "", "AGE_RECIPIENT", false, a.Infra.AgeKey.Public, "ageRecipient", "recipient for secrets in files, encrypted with age", true},
		{stack, "", "SSH_USER", false, pulumi.String(a.Cluster.DeployUser), "deployUser", "account of the deploy key", true},
		{stack, "", "STACK_NAME", false, pulumi.String(a.Stack.Name), "stackName", "the Docker stack", true},
		{stack, "", "REGISTRY", false, pulumi.String(a.Pull.Server), "registryServer", "the registry of the image", true},
		{stack, "", "REGISTRY_USERNAME", false, pulumi.String(a.Pull.Username), "registryUsername", "user that reads the image", pulls},
		{stack, "", "IMAGE", false, pulumi.String(a.Stack.Image), "image", "the image, without a tag", true},
	}
}

// managerLines are the managers as deploy.sh reads them.
func managerLines(managers []host.Ready) pulumi.StringInput {
	lines := pulumi.StringArray{}
	for _, m := range managers {
		lines = append(lines, pulumi.Sprintf("%s %s", m.PublicAddress, m.HostKey))
	}
	return lines.ToStringArrayOutput().ApplyT(func(lines []string) string { return strings.Join(lines, "\n") }).(pulumi.StringOutput)
}

// actionSettings are the candidates that have a repository and a value, which GitHub
// requires.
func actionSettings(a Args, key pulumi.StringInput) []setting {
	var list []setting
	for _, s := range candidates(a, key) {
		if s.wanted && s.repository != "" {
			list = append(list, s)
		}
	}
	return list
}

// id is the name of the setting's resource. It contains the environment's name, so that for
// another environment a new set is made before the old one is removed.
func (c Config) id(name string, s setting) string {
	parts := []string{s.repository, strings.ReplaceAll(s.name, "_", "-")}
	if s.environment != "" {
		parts = []string{s.repository, s.environment, parts[1]}
	}
	return c.named(name, parts...)
}
