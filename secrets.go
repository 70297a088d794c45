package main

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumiconfig "github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"averazure/infra"
	"averazure/internal/names"
	"averazure/internal/registry"
	"averazure/internal/settings"
	"averazure/stack"
)

// loadSecrets reads the values as secrets, so that they remain secret wherever they
// flow.
func (c *config) loadSecrets(ctx *pulumi.Context, keys *settings.Set, login registry.Config) []error {
	c.push = registry.Registry{Server: login.RegistryServer, Username: login.RegistryUsername, Token: pulumiconfig.GetSecret(ctx, settings.Name("registryToken"))}
	c.pull = c.push
	if tokensOf(keys).Pull {
		c.pull.Username, c.pull.Token = login.Puller(), pulumiconfig.GetSecret(ctx, settings.Name("registryPullToken"))
	}
	if keys.Values["stackRepoToken"] != "" {
		c.stackRepoToken = pulumiconfig.GetSecret(ctx, settings.Name("stackRepoToken"))
	}
	c.secrets = map[string]pulumi.StringInput{}
	text := keys.Values["secrets"]
	if text == "" {
		return nil
	}
	values := map[string]string{}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return []error{settings.Problemf("secrets", "not an object of texts; `pulumi config set --secret --path '%s'` sets one", names.SecretPath("NAME"))}
	}
	taken := azureCredentials(infra.Identity{})
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := names.DockerSecret(name); err != nil {
			problems = append(problems, settings.Problemf("secrets", "%w", err))
		}
		if values[name] == "" {
			problems = append(problems, settings.Problemf("secrets", "%s is empty, and Docker stores no empty secret; `pulumi config set --secret --path '%s'` asks for a value", name, names.SecretPath(name)))
		}
		if _, ok := taken[name]; ok {
			problems = append(problems, settings.Problemf("secrets", "%s is one of the credentials that this program makes for the application; take another name", name))
		}
		c.secrets[name] = pulumi.ToSecret(pulumi.String(values[name])).(pulumi.StringOutput)
	}
	return problems
}

// unprovided refuses a stack file that this program deploys if it uses a secret that the
// Swarm would not have.
func (c *config) unprovided() []error {
	known := slices.Collect(maps.Keys(c.dockerSecrets(infra.Identity{})))
	var problems []error
	for _, one := range append([]stack.Further{{Deploy: c.stack.StackDeploy, File: c.file}}, c.further...) {
		if one.Deploy && one.File != nil {
			for _, problem := range one.File.Unprovided(known) {
				problems = append(problems, settings.Problemf("secrets", "%w", problem))
			}
		}
	}
	return problems
}

// dockerSecrets are all secrets that the program stores in the Swarm.
func (c *config) dockerSecrets(identity infra.Identity) map[string]pulumi.StringInput {
	all := azureCredentials(identity)
	maps.Copy(all, c.secrets)
	return all
}

// azureCredentials are what the application signs in to Azure with, under the
// names of their Docker secrets.
func azureCredentials(identity infra.Identity) map[string]pulumi.StringInput {
	return map[string]pulumi.StringInput{
		"azure_tenant_id":     identity.TenantID,
		"azure_client_id":     identity.ClientID,
		"azure_client_secret": identity.ClientSecret,
	}
}
