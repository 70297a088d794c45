package infra

import (
	"slices"

	storage "github.com/pulumi/pulumi-azure-native-sdk/storage/v2/v20230101"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// appContainer is the application's container.
	appContainer = "app"
	// codeContainer holds the function app's code.
	codeContainer = "code"
	// backupContainer holds the managers' backups.
	backupContainer = "backups"
)

// newStorage makes a storage account with one private container. Access is by
// role only: no public blobs, no account keys.
func (b *builder) newStorage(key, account, container string, opts ...pulumi.ResourceOption) (*storage.StorageAccount, *storage.BlobContainer, error) {
	made, err := storage.NewStorageAccount(b.ctx, b.child(key), &storage.StorageAccountArgs{
		ResourceGroupName:            b.group.Name,
		Location:                     b.location(),
		AccountName:                  pulumi.String(account),
		Kind:                         pulumi.String("StorageV2"),
		Sku:                          storage.SkuArgs{Name: pulumi.String("Standard_LRS")},
		AccessTier:                   storage.AccessTierHot,
		MinimumTlsVersion:            pulumi.String("TLS1_2"),
		EnableHttpsTrafficOnly:       pulumi.Bool(true),
		AllowBlobPublicAccess:        pulumi.Bool(false),
		AllowSharedKeyAccess:         pulumi.Bool(false),
		AllowCrossTenantReplication:  pulumi.Bool(false),
		DefaultToOAuthAuthentication: pulumi.Bool(true),
		Tags:                         b.tags(),
	}, append(slices.Clip(opts), b.parent())...)
	if err != nil {
		return nil, nil, err
	}
	kept := storage.DeleteRetentionPolicyArgs{Enabled: pulumi.Bool(true), Days: pulumi.Int(b.args.SoftDeleteDays)}
	service, err := storage.NewBlobServiceProperties(b.ctx, b.child(key+"-blobs"), &storage.BlobServicePropertiesArgs{
		ResourceGroupName:              b.group.Name,
		AccountName:                    made.Name,
		BlobServicesName:               pulumi.String("default"),
		DeleteRetentionPolicy:          kept,
		ContainerDeleteRetentionPolicy: kept,
	}, append(slices.Clip(opts), b.parent())...)
	if err != nil {
		return nil, nil, err
	}
	// Azure answers 409 to a container made while the account's blob service is
	// being changed.
	box, err := storage.NewBlobContainer(b.ctx, b.child(key+"-"+container), &storage.BlobContainerArgs{
		ResourceGroupName: b.group.Name,
		AccountName:       made.Name,
		ContainerName:     pulumi.String(container),
		PublicAccess:      storage.PublicAccessNone,
	}, append(slices.Clip(opts), b.parent(), pulumi.DependsOn([]pulumi.Resource{service}))...)
	return made, box, err
}
