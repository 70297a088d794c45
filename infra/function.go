package infra

import (
	"strings"

	storage "github.com/pulumi/pulumi-azure-native-sdk/storage/v2/v20230101"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The web resources are registered by their type, without the SDK's web
// package; docs/decisions/0002 says why, and `make check-azure` checks them.
const (
	planType   = "azure-native:web/v20231201:AppServicePlan"
	webAppType = "azure-native:web/v20231201:WebApp"
	// sdkVersion is the version of the provider that serves these resources, and also the
	// types that other packages of the SDK register.
	sdkVersion = "2.90.0"
)

// plan is an App Service plan. Only its id is needed.
type plan struct {
	pulumi.CustomResourceState
}

// webApp is a function app with the outputs that are needed.
type webApp struct {
	pulumi.CustomResourceState
	DefaultHostName pulumi.StringOutput `pulumi:"defaultHostName"`
	Identity        pulumi.MapOutput    `pulumi:"identity"`
}

// principalID is the identity that Azure made with the app.
func (w *webApp) principalID() pulumi.StringOutput {
	return textOf(w.Identity, "principalId")
}

// newFunction makes a function app on a Flex Consumption plan. It signs in to
// its storage with its own identity; no connection string is used.
func (b *builder) newFunction(account *storage.StorageAccount, code *storage.BlobContainer) (*webApp, error) {
	var flex plan
	err := b.ctx.RegisterResource(planType, b.child("plan"), pulumi.Map{
		"resourceGroupName": b.group.Name,
		"location":          b.location(),
		"name":              pulumi.String(b.names.Plan()),
		"kind":              pulumi.String("functionapp"),
		"sku":               pulumi.StringMap{"name": pulumi.String("FC1"), "tier": pulumi.String("FlexConsumption")},
		"reserved":          pulumi.Bool(true), // Linux
		"tags":              b.tags(),
	}, &flex, b.parent(), pulumi.Version(sdkVersion))
	if err != nil {
		return nil, err
	}
	app := &webApp{}
	err = b.ctx.RegisterResource(webAppType, b.child("function"), pulumi.Map{
		"resourceGroupName": b.group.Name,
		"location":          b.location(),
		"name":              pulumi.String(b.names.FunctionApp()),
		"kind":              pulumi.String("functionapp,linux"),
		"serverFarmId":      flex.ID(),
		"httpsOnly":         pulumi.Bool(true),
		"identity":          pulumi.StringMap{"type": pulumi.String("SystemAssigned")},
		"siteConfig": pulumi.Map{
			"minTlsVersion": pulumi.String("1.2"),
			"appSettings": pulumi.Array{
				setting("AzureWebJobsStorage__accountName", account.Name),
				setting("AzureWebJobsStorage__credential", pulumi.String("managedidentity")),
			},
		},
		"functionAppConfig": b.functionConfig(account, code),
		"tags":              b.tags(),
	}, app, b.parent(), pulumi.Version(sdkVersion))
	return app, err
}

// functionConfig is what Flex Consumption has instead of settings: where the code is
// stored, how far it scales, and its language.
func (b *builder) functionConfig(account *storage.StorageAccount, code *storage.BlobContainer) pulumi.Map {
	language, version, _ := strings.Cut(b.args.FunctionRuntime, ":")
	return pulumi.Map{
		"deployment": pulumi.Map{"storage": pulumi.Map{
			"type":           pulumi.String("blobContainer"),
			"value":          pulumi.Sprintf("%s%s", account.PrimaryEndpoints.Blob(), code.Name),
			"authentication": pulumi.StringMap{"type": pulumi.String("SystemAssignedIdentity")},
		}},
		"scaleAndConcurrency": pulumi.Map{
			"maximumInstanceCount": pulumi.Int(40),
			"instanceMemoryMB":     pulumi.Int(2048),
		},
		"runtime": pulumi.StringMap{"name": pulumi.String(language), "version": pulumi.String(version)},
	}
}

func setting(name string, value pulumi.StringInput) pulumi.Map {
	return pulumi.Map{"name": pulumi.String(name), "value": value}
}
