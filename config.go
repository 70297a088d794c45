package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumiconfig "github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"averazure/cluster"
	"averazure/delivery"
	"averazure/infra"
	"averazure/internal/names"
	"averazure/internal/registry"
	"averazure/internal/settings"
	"averazure/internal/stackfile"
	"averazure/stack"
)

// namespace begins every key; it is the project's name in Pulumi.yaml.
const namespace = "averazure"

// config is the whole configuration, each layer's part as that layer types it.
type config struct {
	infra    infra.Config
	cluster  cluster.Config
	stack    stack.Config
	file     *stackfile.File // what stack.StackFiles hold
	further  []stack.Further // what stack.Stacks names
	delivery delivery.Config
	push     registry.Registry // with the login that builds and pushes the image
	pull     registry.Registry // with the one that nodes and stack-repo get
	// stackRepoToken is what code-repo pushes to stack-repo with; nil for none.
	stackRepoToken pulumi.StringInput
	secrets        map[string]pulumi.StringInput // further Docker secrets, by name
	doubts         []string                      // to be warned of
}

// loadConfig reads every key or reports everything that is wrong, at once and
// before anything is touched. What is only doubtful is a warning, given once.
func loadConfig(ctx *pulumi.Context) (*config, error) {
	raw, err := engineConfig()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	c := &config{infra: infra.Defaults(), cluster: cluster.Defaults(), stack: stack.Defaults(), delivery: delivery.Defaults()}
	login := registry.Defaults()
	keys := settings.Parse(namespace, raw.values)
	keys.Known(secretKeys...)

	var problems []error
	for _, part := range []any{&c.infra, &c.cluster, &c.stack, &c.delivery, &login} {
		problems = append(problems, keys.Fill(part)...)
	}
	problems = append(problems, keys.Unknown()...)
	problems = append(problems, raw.onlyOneAccount()...)
	problems = append(problems, raw.mustBeSecret(secretKeys...)...)
	problems = append(problems, raw.mustBeTrimmed(tokenKeys...)...)
	problems = append(problems, plainEntries(settingsFile(ctx.Stack()))...)
	problems = append(problems, c.loadSecrets(ctx, keys, login)...)
	problems = append(problems, raw.mustBeReadable("stackVariables")...)
	var unread []error
	c.file, unread = c.stack.Read(c.site(login))
	problems = append(problems, unread...)
	c.further, unread = c.stack.ReadFurther(c.site(login), c.file)
	problems = append(problems, unread...)
	problems = append(problems, c.unprovided()...)
	problems = append(problems, c.validate(login, keys)...)
	if len(problems) > 0 {
		return nil, fmt.Errorf("the configuration of stack %s has %d problem(s), nothing was touched:\n%w", ctx.Stack(), len(problems), errors.Join(problems...))
	}
	c.doubts = slices.Concat(c.infra.Warnings(time.Now()), c.warnings(login, tokensOf(keys)))
	return c, nil
}

func warn(ctx *pulumi.Context, warnings []string) error {
	for _, warning := range warnings {
		if err := ctx.Log.Warn(warning, nil); err != nil {
			return err
		}
	}
	return nil
}

// tokenKeys are the keys of tokens, and secretKeys all whose values must be secret.
var (
	tokenKeys  = []string{"registryToken", "registryPullToken", "stackRepoToken"}
	secretKeys = append(slices.Clip(tokenKeys), "secrets")
)

func tokensOf(keys *settings.Set) registry.Tokens {
	return registry.Tokens{Push: keys.Values["registryToken"] != "", Pull: keys.Values["registryPullToken"] != ""}
}

// site is what stack files may know of where they run.
func (c *config) site(login registry.Config) stack.Site {
	return stack.Site{FirstManager: c.infra.FirstManager(), Prefix: c.infra.Prefix, Registry: login.RegistryServer, EntryNames: c.infra.EntryNames()}
}

func (c *config) validate(login registry.Config, keys *settings.Set) []error {
	problems := slices.Concat(c.infra.Validate(), c.cluster.Validate(), c.stack.Validate(c.file), c.delivery.Validate(keys.Values["stackRepoToken"] != ""), login.Validate(tokensOf(keys)))
	if err := c.cluster.Collides(c.infra.VnetCidr); err != nil {
		problems = append(problems, err)
	}
	if c.cluster.DeployUser == c.infra.AdminUser {
		problems = append(problems, fmt.Errorf("%s:deployUser: %q is %s:adminUser as well, so the deploy key would have its rights; name another account", namespace, c.cluster.DeployUser, namespace))
	}
	if name, named := strings.CutPrefix(c.stack.AppImage, login.RegistryServer+"/"); named {
		problems = append(problems, fmt.Errorf("%s:appImage: %q begins with %s:registryServer, which goes before it anyway; write %s", namespace, c.stack.AppImage, namespace, name))
	}
	if login.RegistryServer == registry.GHCR && c.stack.AppContext != "" && !strings.Contains(c.stack.AppImage, "/") {
		problems = append(problems, fmt.Errorf("%s:appImage: %q has no owner, without which ghcr.io takes no image; write it like your-org/aver-api, or name another %s:registryServer", namespace, c.stack.AppImage, namespace))
	}
	return problems
}

// warnings are doubts about settings of different layers together.
func (c *config) warnings(login registry.Config, set registry.Tokens) []string {
	var warnings []string
	add := func(key, format string, args ...any) {
		warnings = append(warnings, fmt.Sprintf(namespace+":"+key+": "+format, args...))
	}
	if c.delivery.StackRepo != "" && login.Puller() == "" {
		add("registryUsername", "empty, so stack-repo gets no GHCR_TOKEN and its pipeline reads the registry without a login")
	}
	if c.delivery.CodeRepo != "" && login.RegistryUsername == "" && login.RegistryServer != registry.GHCR {
		add("registryUsername", "empty, so code-repo gets no GHCR_TOKEN and its pipeline pushes the image without a login")
	}
	if login.RegistryUsername != "" && !set.Pull {
		add("registryPullToken", "missing, so every node and stack-repo get %s:registryToken, which can push; set one that can only pull (read:packages on GHCR)", namespace)
	}
	if c.stack.AppContext != "" && stackfile.IsPlaceholder(login.RegistryServer+"/"+c.stack.AppImage) {
		add("appImage", "%s/%s is a placeholder, to which nobody can push; name an image of yours", login.RegistryServer, c.stack.AppImage)
	}
	owner, _, _ := strings.Cut(c.stack.AppImage, "/")
	if c.delivery.CodeRepo != "" && login.RegistryServer == registry.GHCR && !strings.EqualFold(owner, c.delivery.GithubOwner) {
		add("appImage", "%q belongs to %s on ghcr.io, and code-repo's workflow can push to %s's packages only", c.stack.AppImage, owner, c.delivery.GithubOwner)
	}
	return warnings
}

// loadSecrets takes the values as secrets, so that they stay such wherever
// they flow.
func (c *config) loadSecrets(ctx *pulumi.Context, keys *settings.Set, login registry.Config) []error {
	c.push = registry.Registry{Server: login.RegistryServer, Username: login.RegistryUsername, Token: pulumiconfig.GetSecret(ctx, namespace+":registryToken")}
	c.pull = c.push
	if tokensOf(keys).Pull {
		c.pull.Username, c.pull.Token = login.Puller(), pulumiconfig.GetSecret(ctx, namespace+":registryPullToken")
	}
	if keys.Values["stackRepoToken"] != "" {
		c.stackRepoToken = pulumiconfig.GetSecret(ctx, namespace+":stackRepoToken")
	}
	c.secrets = map[string]pulumi.StringInput{}
	text := keys.Values["secrets"]
	if text == "" {
		return nil
	}
	values := map[string]string{}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return []error{fmt.Errorf("%s:secrets: not an object of texts; `pulumi config set --secret --path 'averazure:secrets.NAME'` sets one", namespace)}
	}
	taken := azureCredentials(infra.Identity{})
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := names.DockerSecret(name); err != nil {
			problems = append(problems, fmt.Errorf("%s:secrets: %w", namespace, err))
		}
		if values[name] == "" {
			problems = append(problems, fmt.Errorf("%s:secrets: %s is empty, and Docker stores no empty secret; `pulumi config set --secret --path '%s'` asks for a value", namespace, name, names.SecretPath(name)))
		}
		if _, ok := taken[name]; ok {
			problems = append(problems, fmt.Errorf("%s:secrets: %s is one of the credentials that this program makes for the application; take another name", namespace, name))
		}
		c.secrets[name] = pulumi.ToSecret(pulumi.String(values[name])).(pulumi.StringOutput)
	}
	return problems
}

// unprovided refuses stack files that this program would deploy with secrets that the
// Swarm does not get.
func (c *config) unprovided() []error {
	known := slices.Collect(maps.Keys(c.dockerSecrets(infra.Identity{})))
	var problems []error
	for _, one := range append([]stack.Further{{Deploy: c.stack.StackDeploy, File: c.file}}, c.further...) {
		if one.Deploy && one.File != nil {
			for _, problem := range one.File.Unprovided(known) {
				problems = append(problems, fmt.Errorf("%s:secrets: %w", namespace, problem))
			}
		}
	}
	return problems
}

// dockerSecrets are all secrets that the Swarm holds.
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

// rawConfig is what the engine hands to the program: key to value, and which
// of the keys are secret. The SDK reads the same variables, but cannot list
// them, and a key that nobody asks for would go unnoticed.
type rawConfig struct {
	values map[string]string
	secret []string
}

func engineConfig() (rawConfig, error) {
	var raw rawConfig
	for name, into := range map[string]any{pulumi.EnvConfig: &raw.values, pulumi.EnvConfigSecretKeys: &raw.secret} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return raw, fmt.Errorf("%s is not what the engine sets: %w", name, err)
		}
	}
	return raw, nil
}

// mustBeSecret refuses secrets that stand in clear in Pulumi.<stack>.yaml. An
// empty default is no secret.
func (r rawConfig) mustBeSecret(keys ...string) []error {
	var problems []error
	for _, key := range keys {
		value := r.values[namespace+":"+key]
		if value == "" || value == "{}" || slices.Contains(r.secret, namespace+":"+key) {
			continue
		}
		problems = append(problems, fmt.Errorf("%s:%s: stands in clear; set it again with `pulumi config set --secret %s:%s` and change the value, it may have been seen", namespace, key, namespace, key))
	}
	return problems
}

// mustBeReadable refuses secrets that would not stay such: whoever may see a service
// reads what variables put into it.
func (r rawConfig) mustBeReadable(keys ...string) []error {
	var problems []error
	for _, key := range keys {
		if slices.Contains(r.secret, namespace+":"+key) {
			problems = append(problems, fmt.Errorf("%s:%s: has a value that is set with --secret, and would be readable in the services that take it; put it into %s:secrets, or into a file that is encrypted with age (docs/delivery.md)", namespace, key, namespace))
		}
	}
	return problems
}

// mustBeTrimmed refuses what was pasted with white space around it: who issued the
// token would refuse it, long after the machines were made.
func (r rawConfig) mustBeTrimmed(keys ...string) []error {
	var problems []error
	for _, key := range keys {
		if value := r.values[namespace+":"+key]; value != strings.TrimSpace(value) {
			problems = append(problems, fmt.Errorf("%s:%s: begins or ends with white space, which no token does; set it again with `pulumi config set --secret %s:%s`", namespace, key, namespace, key))
		}
	}
	return problems
}

// onlyOneAccount refuses what says in the provider's own settings who signs in to
// Azure, and where. The provider of the key vault does not read them, so that the
// vault would be made elsewhere than the rest (docs/decisions/0013).
func (r rawConfig) onlyOneAccount() []error {
	harmless := []string{"location", "partnerId", "disablePulumiPartnerId"}
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(r.values)) {
		name, ok := strings.CutPrefix(key, "azure-native:")
		if !ok || slices.Contains(harmless, name) {
			continue
		}
		problems = append(problems, fmt.Errorf("%s: the provider of the key vault does not read it; remove it (`pulumi config rm %s`) and use `az login` or the ARM_* variables, such as ARM_SUBSCRIPTION_ID, which every provider reads", key, key))
	}
	return problems
}
