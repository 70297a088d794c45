package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/settings"
)

// rawConfig is the configuration as the engine hands it to the program: key to value, and
// the keys that are secret. The SDK reads the same variables, but cannot list the keys, so
// nobody would notice a misspelt one.
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

// mustBeSecret refuses secrets in plain text in the settings file. An empty default is
// not a secret.
func (r rawConfig) mustBeSecret(keys ...string) []error {
	var problems []error
	for _, key := range keys {
		value := r.values[settings.Name(key)]
		if value == "" || value == "{}" || slices.Contains(r.secret, settings.Name(key)) {
			continue
		}
		problems = append(problems, settings.Problemf(key, "stored in plain text; issue another value, since somebody may have read this one, and set it with `pulumi config set --secret %s`", settings.Name(key)))
	}
	return problems
}

// mustNotBeSecret refuses secrets where they would not remain secret: everybody who can
// see a service reads the variables in it.
func (r rawConfig) mustNotBeSecret(keys ...string) []error {
	var problems []error
	for _, key := range keys {
		if slices.Contains(r.secret, settings.Name(key)) {
			problems = append(problems, settings.Problemf(key, "has a value that was set with --secret, and everybody who can see a service reads the variables in it; put the value into %s, or into a file that is encrypted with age (docs/delivery.md)", settings.Name("secrets")))
		}
	}
	return problems
}

// mustBeTrimmed refuses a token with white space around it. Otherwise its issuer would
// refuse it, long after the VMs were made.
func (r rawConfig) mustBeTrimmed(keys ...string) []error {
	var problems []error
	for _, key := range keys {
		if value := r.values[settings.Name(key)]; value != strings.TrimSpace(value) {
			problems = append(problems, settings.Problemf(key, "begins or ends with white space, which no token does; set it again with `pulumi config set --secret %s`", settings.Name(key)))
		}
	}
	return problems
}

// onlyOneAccount refuses an Azure account in the provider's own settings. The key vault's
// provider does not read these settings, and would make the vault in another account than
// the other resources (docs/decisions/0013).
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
