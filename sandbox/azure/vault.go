package azure

import (
	"context"
	"maps"
	"slices"
	"strings"
)

const vaultPath = "/resourceGroups/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}"

// vaultKinds is key vaults and their secrets. The record has a secret's
// fingerprint only; nothing reads secrets from the played vault.
var vaultKinds = []*kind{{
	tokens:   []string{"azure-native:keyvault/v20230701:Vault"},
	azure:    "Microsoft.KeyVault/vaults",
	path:     vaultPath,
	auto:     autoRandom,
	rule:     vaultName,
	located:  true,
	required: []string{"properties", "properties.sku", "properties.sku.family", "properties.sku.name", "properties.tenantId"},
	computed: []string{"systemData", "properties.vaultUri", "properties.provisioningState", "properties.accessPolicies",
		"properties.hsmPoolResourceId", "properties.privateEndpointConnections"},
	judge: judgeVault,
	remove: func(_ context.Context, c *Cloud, e *entry) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		maps.DeleteFunc(c.record.Deleted, func(id string, _ bool) bool { return strings.HasPrefix(id, strings.ToLower(e.ID)+"/") })
		return nil
	},
	complete: func(op *operation) {
		put(op.state, "properties.vaultUri", "https://"+strings.ToLower(op.name)+".vault.azure.net/")
		put(op.state, "properties.provisioningState", "Succeeded")
		fallback(op.state, "properties.enableSoftDelete", true)
		fallback(op.state, "properties.publicNetworkAccess", "Enabled")
		fallback(op.state, "properties.accessPolicies", []any{})
		created := timestamp()
		op.keep("systemData", always(object{"createdAt": created, "createdByType": "User", "lastModifiedAt": created}))
	},
}, {
	tokens:   []string{"azure-native:keyvault/v20230701:Secret"},
	azure:    "Microsoft.KeyVault/vaults/secrets",
	path:     vaultPath + "/secrets/{secretName}",
	auto:     autoCopy,
	rule:     secretName,
	required: []string{"properties"},
	hidden:   []string{"properties.value"},
	computed: []string{"location", "properties.secretUri", "properties.secretUriWithVersion"},
	judge:    judgeSecret,
	complete: completeSecret,
	remove:   forgetSecret,
}}

// judgeVault has the service's refusals of vaults that would be less safe.
// https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
func judgeVault(op *operation) error {
	if tenant := text(op.inputs, "properties.tenantId"); !strings.EqualFold(tenant, op.record.Tenant) {
		return op.refuse("VaultTenantMismatch", "the tenant ID '%s' is not that of the subscription, %s", tenant, op.record.Tenant)
	}
	if size := text(op.inputs, "properties.sku.name"); !slices.Contains([]string{"standard", "premium"}, strings.ToLower(size)) {
		return op.refuse("BadRequest", "the property 'sku.name' must be standard or premium, not '%s'", size)
	}
	if on, set := flag(op.inputs, "properties.enableSoftDelete"); set && !on {
		return op.refuse("BadRequest", "the property 'enableSoftDelete' cannot be set to false: soft delete is mandatory")
	}
	if on, set := flag(op.inputs, "properties.enablePurgeProtection"); set && !on {
		return op.refuse("BadRequest", "the property 'enablePurgeProtection' cannot be set to false: enabling it is irreversible, leave it out instead")
	}
	if days := number(op.inputs, "properties.softDeleteRetentionInDays"); days != 0 && (days < 7 || days > 90) {
		return op.refuse("BadRequest", "the property 'softDeleteRetentionInDays' is %d; it must be 7 to 90", days)
	}
	if op.old != nil {
		before, after := at(op.old.Inputs, "properties.softDeleteRetentionInDays"), at(op.inputs, "properties.softDeleteRetentionInDays")
		if !same(before, after) {
			return op.refuse("BadRequest", "the property 'softDeleteRetentionInDays' has been set already and it can't be modified")
		}
	}
	return nil
}

// judgeSecret refuses a secret whose predecessor of the same name lies in the
// vault's bin: azure-native deletes secrets (its custom_keyvault.go) and purges
// none. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
func judgeSecret(op *operation) error {
	if op.old == nil && op.record.Deleted[strings.ToLower(op.id)] {
		return op.refuse("ObjectIsDeletedButRecoverable", "secret %s is currently in a deleted but recoverable state, and its name cannot be reused; recover it, purge it, or use another name", op.name)
	}
	return nil
}

func completeSecret(op *operation) {
	vault := op.record.get(op.kind.container(op.record.Subscription, op.inputs))
	uri := text(vault.State, "properties.vaultUri") + "secrets/" + op.name
	op.state["location"] = vault.State["location"]
	put(op.state, "properties.secretUri", uri)
	if op.old == nil || !same(at(op.old.Inputs, "properties.value"), at(op.recorded(), "properties.value")) {
		put(op.state, "properties.secretUriWithVersion", uri+"/"+randomHex(16)) // a new value is a new version
		return
	}
	op.keep("properties.secretUriWithVersion", always(uri))
}

// forgetSecret puts a deleted secret into its vault's bin. A vault that goes
// takes its bin along: the sandbox does not play deleted vaults.
func forgetSecret(_ context.Context, c *Cloud, e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !e.Pending {
		c.record.Deleted[strings.ToLower(e.ID)] = true
	}
	return nil
}
