package azure

import (
	"context"
	"maps"
	"slices"
	"strings"
)

const vaultPath = "/resourceGroups/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}"

// vaultKinds are key vaults and their secrets. The record holds only a secret's
// fingerprint; nothing reads secrets from a vault.
var vaultKinds = []*kind{{
	tokens:   []string{"azure-native:keyvault/v20230701:Vault", "azure-native_keyvault_v20260201:keyvault:Vault"},
	azure:    "Microsoft.KeyVault/vaults",
	path:     vaultPath,
	auto:     autoRandom,
	rule:     vaultName,
	located:  true,
	keeps:    true,
	required: []string{"properties", "properties.sku", "properties.sku.family", "properties.sku.name", "properties.tenantId"},
	computed: []string{"systemData", "properties.vaultUri", "properties.provisioningState", "properties.accessPolicies",
		"properties.hsmPoolResourceId", "properties.privateEndpointConnections"},
	judge:  judgeVault,
	remove: forgetVault,
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
	tokens:   []string{"azure-native:keyvault/v20230701:Secret", "azure-native_keyvault_v20260201:keyvault:Secret"},
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
	keep:     keepSecret,
}}

// judgeVault refuses settings that make a vault less safe, and the name of a deleted vault,
// as the service does (quoted in alan-turing-institute/data-safe-haven #2523).
// https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
func judgeVault(op *operation) error {
	if op.old == nil && op.record.deletedVault(op.name) {
		return op.refuse("ConflictError", "a vault with the same name already exists in deleted state; you need to either recover or purge existing key vault")
	}
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

// deletedVault tells whether a vault of that name was deleted, in any group.
func (r *record) deletedVault(name string) bool {
	for id := range r.Deleted {
		if strings.HasSuffix(id, "/vaults/"+strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// judgeSecret refuses a secret if a deleted one has its name: azure-native deletes
// secrets (its custom_keyvault.go) and never purges them.
// https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
func judgeSecret(op *operation) error {
	if op.old == nil && op.record.Deleted[strings.ToLower(op.id)] {
		return op.refuse("ObjectIsDeletedButRecoverable", "secret %s is currently in a deleted but recoverable state, and its name cannot be reused; recover it, purge it, or use another name", op.name)
	}
	return nil
}

// keepSecret refuses a deletion in a parameterized azure-native. A parameterized
// azure-native lacks the provider's own implementations (Configure in its provider.go), so
// its request goes to the management API, which does not delete secrets.
func keepSecret(op *operation) error {
	if narrowedOf(op.urn.Type()) == nil {
		return nil
	}
	return op.refuse("MethodNotAllowed", "the management side of a key vault does not delete secrets; they go with their vault")
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

// forgetVault reserves a deleted vault's name for good and drops its content: the sandbox
// neither recovers nor purges vaults.
func forgetVault(_ context.Context, c *Cloud, e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := strings.ToLower(e.ID)
	maps.DeleteFunc(c.record.Deleted, func(other string, _ bool) bool { return strings.HasPrefix(other, id+"/") })
	if !e.Pending {
		c.record.Deleted[id] = true
	}
	return nil
}

// forgetSecret marks a secret as deleted in its vault.
func forgetSecret(_ context.Context, c *Cloud, e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !e.Pending {
		c.record.Deleted[strings.ToLower(e.ID)] = true
	}
	return nil
}
