package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/delivery"
	"averazure/infra"
	"averazure/internal/registry"
	"averazure/internal/settings"
	"averazure/internal/stackfile"
	"averazure/stack"
)

// config is the whole configuration. Each layer's part has the type that the layer defines.
type config struct {
	infra    infra.Config
	cluster  cluster.Config
	stack    stack.Config
	file     *stackfile.File // the content of stack.StackFiles
	further  []stack.Further // the stacks that stack.Stacks names
	delivery delivery.Config
	push     registry.Registry // with the login that builds and pushes the image
	pull     registry.Registry // with the login that nodes and stack-repo get
	// stackRepoToken is the token with which code-repo pushes to stack-repo; nil if there
	// is none.
	stackRepoToken pulumi.StringInput
	secrets        map[string]pulumi.StringInput // further Docker secrets, by name
	doubts         []string                      // each becomes a warning
}

// loadConfig reads every key. If anything is wrong it reports all problems at once, before
// anything is changed. Something that is only doubtful becomes a warning, which is given
// once.
func loadConfig(ctx *pulumi.Context) (*config, error) {
	raw, err := engineConfig()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	c := &config{infra: infra.Defaults(), cluster: cluster.Defaults(), stack: stack.Defaults(), delivery: delivery.Defaults()}
	login := registry.Defaults()
	keys := settings.Parse(raw.values)
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
	problems = append(problems, raw.mustNotBeSecret("stackVariables")...)
	var unread []error
	c.file, unread = c.stack.Read(c.site(login))
	problems = append(problems, unread...)
	c.further, unread = c.stack.ReadFurther(c.site(login), c.file)
	problems = append(problems, unread...)
	problems = append(problems, c.unprovided()...)
	problems = append(problems, c.validate(login, keys)...)
	if len(problems) > 0 {
		if err := warn(ctx, c.closedPorts()); err != nil {
			return nil, err
		}
		all := errors.Join(problems...)
		return nil, fmt.Errorf("the configuration of Pulumi stack %s has %s, nothing was touched:\n%w", ctx.Stack(), counted(all), all)
	}
	c.doubts = slices.Concat(c.infra.Warnings(time.Now()), c.warnings(login, tokensOf(keys)))
	return c, nil
}

// closedPorts are the warnings about the ports of stack files. A preview with problems ends
// before it would give them.
func (c *config) closedPorts() []string {
	var warnings []string
	for _, one := range append([]stack.Further{{File: c.file}}, c.further...) {
		if one.File != nil {
			warnings = append(warnings, one.File.PortWarnings(c.infra.OpenPorts())...)
		}
	}
	return warnings
}

// counted is the number of problems in words.
func counted(problems error) string {
	n := leaves(problems)
	if n == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", n)
}

// leaves is the number of single errors in a joined error.
func leaves(err error) int {
	switch wrapped := err.(type) {
	case interface{ Unwrap() []error }:
		n := 0
		for _, one := range wrapped.Unwrap() {
			n += leaves(one)
		}
		return n
	case interface{ Unwrap() error }:
		return max(1, leaves(wrapped.Unwrap()))
	}
	if err == nil {
		return 0
	}
	return 1
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

// site is what stack files may read about where they run.
func (c *config) site(login registry.Config) stack.Site {
	return stack.Site{FirstManager: c.infra.FirstManager(), Prefix: c.infra.Prefix, Registry: login.RegistryServer, EntryNames: c.infra.EntryNames()}
}

func (c *config) validate(login registry.Config, keys *settings.Set) []error {
	problems := slices.Concat(c.infra.Validate(), c.cluster.Validate(), c.stack.Validate(c.file), c.delivery.Validate(keys.Values["stackRepoToken"] != ""), login.Validate(tokensOf(keys)))
	if err := c.cluster.Collides(c.infra.VnetCidr); err != nil {
		problems = append(problems, err)
	}
	if c.cluster.DeployUser == c.infra.AdminUser {
		problems = append(problems, settings.Problemf("deployUser", "%q is %s as well, so the deploy key would have its rights; name another account", c.cluster.DeployUser, settings.Name("adminUser")))
	}
	if name, named := strings.CutPrefix(c.stack.AppImage, login.RegistryServer+"/"); named {
		problems = append(problems, settings.Problemf("appImage", "%q begins with %s, which the program puts before it anyway; write %s", c.stack.AppImage, settings.Name("registryServer"), name))
	}
	if login.RegistryServer == registry.GHCR && c.stack.AppContext != "" && !strings.Contains(c.stack.AppImage, "/") {
		problems = append(problems, settings.Problemf("appImage", "%q has no owner, and ghcr.io takes no image without one; write it like your-org/aver-api, or name another %s", c.stack.AppImage, settings.Name("registryServer")))
	}
	return problems
}

// warnings are doubts about settings of different layers together.
func (c *config) warnings(login registry.Config, set registry.Tokens) []string {
	var warnings []string
	add := func(key, format string, args ...any) {
		warnings = append(warnings, settings.Warningf(key, format, args...))
	}
	if c.delivery.StackRepo != "" && login.Puller() == "" {
		add("registryUsername", "empty, so stack-repo gets no GHCR_TOKEN and its pipeline reads the registry without a login")
	}
	if c.delivery.CodeRepo != "" && login.RegistryUsername == "" && login.RegistryServer != registry.GHCR {
		add("registryUsername", "empty, so code-repo gets no GHCR_TOKEN and its pipeline pushes the image without a login")
	}
	if login.RegistryUsername != "" && !set.Pull {
		add("registryPullToken", "missing, so every node and stack-repo get %s, which can push; set one that can only pull (read:packages on GHCR)", settings.Name("registryToken"))
	}
	if c.stack.AppContext != "" && stackfile.IsPlaceholder(login.RegistryServer+"/"+c.stack.AppImage) {
		add("appImage", "%s/%s is a placeholder, and nobody can push to it; name an image of your own", login.RegistryServer, c.stack.AppImage)
	}
	owner, _, _ := strings.Cut(c.stack.AppImage, "/")
	if c.delivery.CodeRepo != "" && login.RegistryServer == registry.GHCR && !strings.EqualFold(owner, c.delivery.GithubOwner) {
		add("appImage", "%q belongs to %s on ghcr.io, and code-repo's workflow can push to %s's packages only", c.stack.AppImage, owner, c.delivery.GithubOwner)
	}
	return warnings
}
