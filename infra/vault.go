package infra

import (
	"time"

	keyvault "github.com/pulumi/pulumi-azure-native-sdk/keyvault/v2/v20230701"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The vault's secrets.
const (
	clientSecretName = "azure-client-secret"
	deployKeyName    = "deploy-key"
)

// newVault makes the key vault. Who may read is decided by roles alone: a vault
// with RBAC ignores access policies without a word.
func (b *builder) newVault() (*keyvault.Vault, error) {
	properties := keyvault.VaultPropertiesArgs{
		TenantId:                     pulumi.String(b.account.TenantId),
		Sku:                          keyvault.SkuArgs{Family: pulumi.String("A"), Name: keyvault.SkuNameStandard},
		EnableRbacAuthorization:      pulumi.Bool(true),
		EnableSoftDelete:             pulumi.Bool(true),
		SoftDeleteRetentionInDays:    pulumi.Int(b.args.SoftDeleteDays),
		EnabledForDeployment:         pulumi.Bool(false),
		EnabledForTemplateDeployment: pulumi.Bool(false),
	}
	if b.args.PurgeProtection {
		// The property accepts true or nothing: false is an error.
		properties.EnablePurgeProtection = pulumi.Bool(true)
	}
	// Azure refuses to change the retention of a vault that exists. No
	// replacement is asked for: a vault may hold secrets that others put there.
	//
	// The provider names it, after this resource and with 8 hex digits: a deleted
	// vault holds its name for SoftDeleteDays, so the next one needs another.
	return keyvault.NewVault(b.ctx, b.child("vault"), &keyvault.VaultArgs{
		ResourceGroupName: b.group.Name,
		Location:          b.location(),
		Properties:        properties,
		Tags:              b.tags(),
	}, b.parent())
}

// newVaultSecret stores a value through Azure's management side, so that whoever
// runs the program needs no role inside the vault. Deleting one would need such
// a role, so a secret just goes with its vault. A zero time never expires.
func (b *builder) newVaultSecret(vault *keyvault.Vault, name, what string, value pulumi.StringOutput, expires time.Time) (*keyvault.Secret, error) {
	attributes := keyvault.SecretAttributesArgs{Enabled: pulumi.Bool(true)}
	if !expires.IsZero() {
		attributes.Expires = pulumi.Int(int(expires.Unix()))
	}
	return keyvault.NewSecret(b.ctx, b.child(name), &keyvault.SecretArgs{
		ResourceGroupName: b.group.Name,
		VaultName:         vault.Name,
		SecretName:        pulumi.String(name),
		Properties: keyvault.SecretPropertiesArgs{
			ContentType: pulumi.String(what),
			Attributes:  attributes,
			Value:       pulumi.ToSecret(value).(pulumi.StringOutput),
		},
		Tags: b.tags(),
	}, b.parent(), pulumi.DeletedWith(vault))
}
