package infra

import (
	"encoding/base64"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The vault's secrets.
const (
	clientSecretName = "azure-client-secret"
	deployKeyName    = "deploy-key"
)

// The vault and its secrets are of API version 2026-02-01: Azure switches off the
// older ones on 27 February 2027. azure-native 3 has it, as a package that is cut
// out of the provider when it starts; docs/decisions/0013 says why and what it costs.
const (
	vaultProvider  = "3.28.0"
	vaultParameter = `{"module":"keyvault","version":"v20260201"}`
	vaultPackage   = "azure-native_keyvault_v20260201"
	vaultModule    = vaultPackage + ":keyvault:"
	vaultType      = vaultModule + "Vault"
	secretType     = vaultModule + "Secret"
	// formerModule is how their types began in earlier versions of the program.
	formerModule = "azure-native:keyvault/v20230701:"
)

// vault is a key vault with the outputs that are needed.
type vault struct {
	pulumi.CustomResourceState
	Name       pulumi.StringOutput `pulumi:"name"`
	Properties pulumi.MapOutput    `pulumi:"properties"`
}

// uri is the vault's address.
func (v *vault) uri() pulumi.StringOutput {
	return textOf(v.Properties, "vaultUri")
}

// vaultSecret is a secret in a key vault. Only its id is needed.
type vaultSecret struct {
	pulumi.CustomResourceState
}

// newVault makes the key vault. Roles alone decide who may read: a vault with RBAC silently
// ignores access policies.
func (b *builder) newVault() (*vault, error) {
	properties := pulumi.Map{
		"tenantId":                     pulumi.String(b.account.TenantId),
		"sku":                          pulumi.StringMap{"family": pulumi.String("A"), "name": pulumi.String("standard")},
		"enableRbacAuthorization":      pulumi.Bool(true),
		"enableSoftDelete":             pulumi.Bool(true),
		"softDeleteRetentionInDays":    pulumi.Int(b.args.SoftDeleteDays),
		"enabledForDeployment":         pulumi.Bool(false),
		"enabledForTemplateDeployment": pulumi.Bool(false),
		"publicNetworkAccess":          pulumi.String("enabled"),
	}
	if b.args.PurgeProtection {
		// The property accepts true or nothing: false is an error.
		properties["enablePurgeProtection"] = pulumi.Bool(true)
	}
	// Azure refuses to change the retention of an existing vault, so the vault keeps the
	// one that it was made with. It is not replaced: a vault may hold secrets that others
	// put there.
	//
	// The provider names the vault, after this resource and with 8 hex digits: a deleted
	// vault keeps its name for SoftDeleteDays, so the next one needs another.
	v := &vault{}
	return v, b.registerVault("Vault", "vault", pulumi.Map{
		"resourceGroupName": b.group.Name,
		"location":          b.location(),
		"properties":        properties,
		"tags":              b.tags(),
	}, v, pulumi.IgnoreChanges([]string{"properties.softDeleteRetentionInDays"}))
}

// newVaultSecret stores a value through Azure's management API, so that the account that
// runs the program needs no role inside the vault. That API cannot delete a secret, so a
// secret is deleted with its vault. A secret with a zero time never expires.
func (b *builder) newVaultSecret(v *vault, name, what string, value pulumi.StringOutput, expires time.Time) (*vaultSecret, error) {
	attributes := pulumi.Map{"enabled": pulumi.Bool(true)}
	if !expires.IsZero() {
		attributes["expires"] = pulumi.Int(int(expires.Unix()))
	}
	secret := &vaultSecret{}
	return secret, b.registerVault("Secret", name, pulumi.Map{
		"resourceGroupName": b.group.Name,
		"vaultName":         v.Name,
		"secretName":        pulumi.String(name),
		"properties": pulumi.Map{
			"contentType": pulumi.String(what),
			"attributes":  attributes,
			"value":       pulumi.ToSecret(value),
		},
		"tags": b.tags(),
	}, secret, pulumi.DeletedWith(v))
}

// registerVault registers a resource of the vault's package. A resource that an earlier
// version of the program made under the former type counts as the same one.
func (b *builder) registerVault(kind, key string, inputs pulumi.Map, into pulumi.Resource, opts ...pulumi.ResourceOption) error {
	ref, err := b.ctx.GetOrRegisterPackageRef(vaultPackage+":"+vaultProvider, vaultPackageRequest)
	if err != nil {
		return err
	}
	former := pulumi.Aliases([]pulumi.Alias{{Type: pulumi.String(formerModule + kind)}})
	return b.ctx.RegisterPackageResource(vaultModule+kind, b.child(key), inputs, into, ref, append(opts, b.parent(), former)...)
}

// vaultPackageRequest is what the SDK of `pulumi package add azure-native@3.28.0
// keyvault 2026-02-01` would ask for. The provider wants the parameter in base64.
func vaultPackageRequest() (*pulumirpc.RegisterPackageRequest, error) {
	return &pulumirpc.RegisterPackageRequest{
		Name:    "azure-native",
		Version: vaultProvider,
		Parameterization: &pulumirpc.Parameterization{
			Name:    vaultPackage,
			Version: vaultProvider,
			Value:   []byte(base64.StdEncoding.EncodeToString([]byte(vaultParameter))),
		},
	}, nil
}
