package azure

import (
	"slices"
	"strings"
)

const accountPath = "/resourceGroups/{resourceGroupName}/providers/Microsoft.Storage/storageAccounts/{accountName}"

// storageKinds are storage accounts and their parts. The blob service serves the containers
// for which a VM has a role (blobs.go).
var storageKinds = []*kind{{
	tokens:   []string{"azure-native:storage/v20230101:StorageAccount"},
	azure:    "Microsoft.Storage/storageAccounts",
	path:     accountPath,
	auto:     autoRandom,
	rule:     accountName,
	located:  true,
	required: []string{"kind", "sku", "sku.name", "location"},
	replaces: []string{"isHnsEnabled", "location"}, // azure-native's replacement.go
	computed: []string{"accessTier", "creationTime", "keyCreationTime", "primaryEndpoints", "primaryLocation", "provisioningState",
		"statusOfPrimary", "encryption", "networkRuleSet", "privateEndpointConnections", "sku.tier",
		"identity.principalId", "identity.tenantId"},
	judge:    judgeAccount,
	complete: completeAccount,
}, {
	tokens: []string{"azure-native:storage/v20230101:BlobContainer"},
	azure:  "Microsoft.Storage/storageAccounts/blobServices/containers",
	path:   accountPath + "/blobServices/default/containers/{containerName}",
	auto:   autoCopy,
	rule:   containerName,
	computed: []string{"etag", "deleted", "hasImmutabilityPolicy", "hasLegalHold", "lastModifiedTime", "leaseState", "leaseStatus",
		"remainingRetentionDays", "defaultEncryptionScope", "denyEncryptionScopeOverride", "legalHold"},
	judge:    judgeBlobContainer,
	complete: completeBlobContainer,
}, {
	tokens:   []string{"azure-native:storage/v20230101:BlobServiceProperties"},
	azure:    "Microsoft.Storage/storageAccounts/blobServices",
	path:     accountPath + "/blobServices/{blobServicesName}",
	rule:     defaultName,
	computed: []string{"sku"},
	judge:    judgeRetention,
	complete: func(op *operation) {
		account := op.record.get(op.kind.container(op.record.Subscription, op.inputs))
		op.state["sku"] = cloneValue(account.State["sku"])
	},
}}

var (
	accountSkus = []string{"Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Premium_LRS", "Premium_ZRS", "Standard_GZRS", "Standard_RAGZRS"}
	accountTLS  = []string{"", "TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"}
	// accountKindList is Kind in the SDK's storage/v20230101/pulumiEnums.go; accountSkus
	// is SkuName.
	accountKindList = []string{"Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"}
)

func judgeAccount(op *operation) error {
	allowedValues := map[string][]string{"sku.name": accountSkus, "kind": accountKindList, "minimumTlsVersion": accountTLS}
	for path, allowed := range allowedValues {
		if v := text(op.inputs, path); !slices.Contains(allowed, v) {
			return op.refuse("InvalidValuesForRequestParameters", "the value '%s' for %s is invalid; it must be one of %s", v, path, strings.Join(allowed, " "))
		}
	}
	if op.old != nil && !same(at(op.old.Inputs, "kind"), at(op.inputs, "kind")) && text(op.inputs, "kind") != "StorageV2" {
		return op.refuse("AccountPropertyCannotBeUpdated", "the property 'kind' was specified in the input, but it cannot be updated as such")
	}
	return nil
}

func completeAccount(op *operation) {
	op.completeIdentity()
	name, location := op.name, normalLocation(text(op.inputs, "location"))
	op.state["provisioningState"], op.state["statusOfPrimary"], op.state["primaryLocation"] = "Succeeded", "available", location
	fallback(op.state, "accessTier", "Hot")
	fallback(op.state, "enableHttpsTrafficOnly", true)
	fallback(op.state, "allowBlobPublicAccess", false)
	fallback(op.state, "allowCrossTenantReplication", false)
	fallback(op.state, "minimumTlsVersion", "TLS1_0")
	fallback(op.state, "encryption", object{"keySource": "Microsoft.Storage"})
	fallback(op.state, "networkRuleSet", object{"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": []any{}, "virtualNetworkRules": []any{}})
	fallback(op.state, "privateEndpointConnections", []any{})
	tier, _, _ := strings.Cut(text(op.inputs, "sku.name"), "_")
	put(op.state, "sku.tier", tier)
	created := timestamp()
	op.keep("creationTime", always(created))
	op.keep("keyCreationTime", always(object{"key1": created, "key2": created}))
	endpoints := object{"web": "https://" + name + ".z6.web.core.windows.net/"}
	for _, service := range []string{"blob", "dfs", "file", "queue", "table"} {
		endpoints[service] = "https://" + name + "." + service + ".core.windows.net/"
	}
	op.state["primaryEndpoints"] = endpoints
}

// judgeBlobContainer refuses public access if the account forbids it.
// https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent
func judgeBlobContainer(op *operation) error {
	account := op.record.get(op.kind.container(op.record.Subscription, op.inputs))
	public := text(op.inputs, "publicAccess")
	if allowed, _ := flag(account.State, "allowBlobPublicAccess"); !allowed && public != "" && public != "None" {
		return op.refuse("PublicAccessNotPermitted", "public access is not permitted on storage account %s (allowBlobPublicAccess is false)", account.name())
	}
	return nil
}

func completeBlobContainer(op *operation) {
	op.state["etag"] = `"0x` + strings.ToUpper(randomHex(8))[:15] + `"`
	op.state["lastModifiedTime"] = timestamp()
	defaults := object{"deleted": false, "hasImmutabilityPolicy": false, "hasLegalHold": false, "leaseState": "Available",
		"leaseStatus": "Unlocked", "remainingRetentionDays": 0.0, "publicAccess": "None", "denyEncryptionScopeOverride": false,
		"defaultEncryptionScope": "$account-encryption-key", "legalHold": object{"hasLegalHold": false, "tags": []any{}}}
	for path, v := range defaults {
		fallback(op.state, path, v)
	}
}

// judgeRetention checks the limits of soft delete, 1 to 365 days.
// https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview
func judgeRetention(op *operation) error {
	for _, policy := range []string{"deleteRetentionPolicy", "containerDeleteRetentionPolicy"} {
		on, _ := flag(op.inputs, policy+".enabled")
		if days := number(op.inputs, policy+".days"); on && (days < 1 || days > 365) {
			return op.refuse("InvalidXmlNodeValue", "%s.days is %d; it must be 1 to 365", policy, days)
		}
	}
	return nil
}
