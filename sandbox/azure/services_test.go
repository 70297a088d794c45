package azure

import (
	"os"
	"strings"
	"testing"
)

func accountArgs(name string) object {
	return object{"resourceGroupName": "aver-rg", "accountName": name, "kind": "StorageV2", "sku": object{"name": "Standard_LRS"}, "minimumTlsVersion": "TLS1_2"}
}

func TestStorage(t *testing.T) {
	s := newScene(t)
	account := s.create("StorageAccount", "store", accountArgs("averstore"))
	if got := text(account.state, "primaryEndpoints.blob"); got != "https://averstore.blob.core.windows.net/" {
		t.Errorf("endpoint %s", got)
	}
	s.create("azure-native:resources:ResourceGroup", "rg2", object{"resourceGroupName": "rg2", "location": "westeurope"})
	container := object{"resourceGroupName": "aver-rg", "accountName": "averstore", "containerName": "data"}
	s.create("BlobContainer", "data", container)
	s.create("BlobServiceProperties", "blobs", object{"resourceGroupName": "aver-rg", "accountName": "averstore", "blobServicesName": "default"})
	for _, c := range []struct {
		code, token string
		inputs      object
	}{
		{"AccountNameInvalid", "StorageAccount", accountArgs("Aver-store")},
		{"AccountNameInvalid", "StorageAccount", accountArgs(strings.Repeat("a", 25))},
		{"StorageAccountAlreadyTaken", "StorageAccount", with(accountArgs("averstore"), object{"resourceGroupName": "rg2"})},
		{"InvalidValuesForRequestParameters", "StorageAccount", with(accountArgs("other"), object{"sku": object{"name": "Cheap"}})},
		{"missing required property 'sku.name'", "StorageAccount", with(accountArgs("other"), object{"sku": object{}})},
		{"InvalidResourceName", "BlobContainer", with(container, object{"containerName": "a--b"})},
		{"PublicAccessNotPermitted", "BlobContainer", with(container, object{"containerName": "open", "publicAccess": "Blob"})},
		{"ParentResourceNotFound", "BlobContainer", with(container, object{"accountName": "none"})},
		{"InvalidResourceName", "BlobServiceProperties", object{"resourceGroupName": "aver-rg", "accountName": "averstore", "blobServicesName": "other"}},
	} {
		s.refused(c.code, c.token, "", c.inputs)
	}
}

func TestVaultAndSecrets(t *testing.T) {
	s := newScene(t)
	vault := object{"resourceGroupName": "aver-rg", "vaultName": "aver-kv", "properties": object{"tenantId": s.cloud.record.Tenant, "sku": object{"family": "A", "name": "standard"}, "enableRbacAuthorization": true}}
	made := s.create("Vault", "vault", vault)
	if text(made.state, "properties.vaultUri") != "https://aver-kv.vault.azure.net/" {
		t.Errorf("%v", made.state)
	}
	secret := object{"resourceGroupName": "aver-rg", "vaultName": "aver-kv", "secretName": "client-secret", "properties": object{"value": "hunter2hunter2"}}
	one := s.create("Secret", "secret", secret)
	version := text(one.state, "properties.secretUriWithVersion")
	if at(one.state, "properties.value") != nil || version == "" {
		t.Errorf("%v", one.state)
	}
	if err := one.update(object{"tags": object{"a": "b"}}); err != nil || text(one.state, "properties.secretUriWithVersion") != version {
		t.Errorf("a tag makes a version: %v %v", one.state, err)
	}
	if err := one.update(object{"properties.value": "other"}); err != nil || text(one.state, "properties.secretUriWithVersion") == version {
		t.Errorf("a new value makes no version: %v %v", one.state, err)
	}
	if data, _ := os.ReadFile(s.file); strings.Contains(string(data), "hunter2") {
		t.Error("the value is in the record")
	}
	for _, c := range []struct{ code, path, value string }{
		{"VaultNameNotValid", "vaultName", "1vault"}, {"VaultNameNotValid", "vaultName", "a--b"},
		{"VaultTenantMismatch", "properties.tenantId", newUUID()}, {"BadRequest", "properties.sku.name", "free"},
	} {
		s.refused(c.code, "Vault", "other", with(vault, object{"vaultName": "other", c.path: c.value}))
	}
	s.refused("BadRequest", "Vault", "other", with(vault, object{"vaultName": "other", "properties.enablePurgeProtection": false}))
	s.refused("BadRequest", "Secret", "other", with(secret, object{"secretName": "a_b"}))
	s.wantRefusal(one.delete(), "MethodNotAllowed", "secret")
	one.token = "azure-native:keyvault/v20230701:Secret" // here the provider's own implementation deletes the secret
	if err := one.delete(); err != nil {
		t.Fatal(err)
	}
	s.refused("ObjectIsDeletedButRecoverable", "Secret", "secret", secret)
}

// As on Azure, the name of a deleted vault stays reserved. A vault with a random name gets
// another name.
func TestDeletedVaultHoldsItsName(t *testing.T) {
	s := newScene(t)
	nameless := object{"resourceGroupName": "aver-rg", "properties": object{"tenantId": s.cloud.record.Tenant, "sku": object{"family": "A", "name": "standard"}}}
	first := s.create("Vault", "aver-vault", nameless)
	secret := object{"resourceGroupName": "aver-rg", "vaultName": text(first.inputs, "vaultName"), "secretName": "client", "properties": object{"value": "v"}}
	s.create("Secret", "secret", secret)
	if err := s.group.delete(); err != nil {
		t.Fatal(err)
	}
	s.create("azure-native:resources:ResourceGroup", "rg", s.group.inputs)
	second := s.create("Vault", "aver-vault", nameless)
	if text(first.inputs, "vaultName") == text(second.inputs, "vaultName") {
		t.Errorf("both are %s", second.id)
	}
	s.refused("ConflictError", "Vault", "other", with(nameless, object{"vaultName": strings.ToUpper(text(first.inputs, "vaultName"))}))
	s.create("Secret", "secret", with(secret, object{"vaultName": text(second.inputs, "vaultName")}))
	if !reopen(t, s.fake, s.file).cloud.record.deletedVault(text(first.inputs, "vaultName")) {
		t.Error("the name is free after a restart")
	}
}

// A resource that a killed engine created and does not know is removed completely.
func TestKilledEngineCanStoreASecretAgain(t *testing.T) {
	s := newScene(t)
	vault := object{"resourceGroupName": "aver-rg", "vaultName": "aver-kv", "properties": object{"tenantId": s.cloud.record.Tenant, "sku": object{"family": "A", "name": "standard"}}}
	secret := object{"resourceGroupName": "aver-rg", "vaultName": "aver-kv", "secretName": "client", "properties": object{"value": "v"}}
	s.create("Vault", "vault", vault)
	s.create("Secret", "secret", secret)
	s.create("Secret", "secret", secret)
	s.create("Vault", "vault", vault)
}

func appArgs(plan *res) object {
	return object{"resourceGroupName": "aver-rg", "name": "aver-func", "kind": "functionapp,linux", "serverFarmId": plan.id, "identity": object{"type": "SystemAssigned"},
		"functionAppConfig": object{"deployment": object{"storage": object{"value": "https://x/code"}}, "runtime": object{"name": "python", "version": "3.12"}},
		"siteConfig":        object{"appSettings": []any{object{"name": "A", "value": "b"}}}}
}

const plan, site = "azure-native:web/v20231201:AppServicePlan", "azure-native:web/v20231201:WebApp"

func (s *scene) plan() *res {
	return s.create(plan, "plan", object{"resourceGroupName": "aver-rg", "name": "aver-plan", "sku": object{"name": "FC1"}, "reserved": true})
}

func TestFunctionApp(t *testing.T) {
	s := newScene(t)
	flex := s.plan()
	for _, c := range []struct {
		code    string
		changes object
	}{
		{"BadRequest", object{"name": "-func"}},
		{"BadRequest", object{"functionAppConfig": nil}},
		{"BadRequest", object{"siteConfig": object{"appSettings": []any{object{"name": "FUNCTIONS_WORKER_RUNTIME", "value": "python"}}}}},
		{"InvalidResourceReference", object{"serverFarmId": flex.id + "x"}},
	} {
		s.refused(c.code, site, "func", with(appArgs(flex), c.changes))
	}
	app := s.create(site, "func", appArgs(flex))
	if text(app.state, "defaultHostName") != "aver-func.azurewebsites.net" || text(app.state, "identity.principalId") == "" {
		t.Errorf("%v", app.state)
	}
	if at(app.state, "functionAppConfig") != nil || at(app.state, "siteConfig.appSettings") != nil {
		t.Errorf("azure-native does not read this back: %v", app.state)
	}
	if paths := app.refreshed(); len(paths) > 0 {
		t.Errorf("the app differs in %q", paths)
	}
	s.refused("Conflict", site, "func2", with(appArgs(flex), object{"name": "second"}))
	s.wantRefusal(flex.delete(), "Conflict", "aver-plan")
	if d := app.diff(object{"kind": "app"}); !d.Changes[0].Replace {
		t.Error("another kind does not replace")
	}
	s.refused("BadRequest", plan, "windows", object{"resourceGroupName": "aver-rg", "name": "w", "sku": object{"name": "FC1"}})
}

func TestRoleAssignments(t *testing.T) {
	s := newScene(t)
	app := s.create(site, "func", appArgs(s.plan()))
	role := object{"scope": s.group.id, "principalId": text(app.state, "identity.principalId"), "principalType": "ServicePrincipal",
		"roleAssignmentName": newUUID(), "roleDefinitionId": "/subscriptions/" + s.cloud.record.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"}
	const token = "azure-native:authorization:RoleAssignment"
	for _, c := range []struct{ code, path, value string }{
		{"PrincipalNotFound", "principalId", newUUID()},
		{"UnmatchedPrincipalType", "principalType", "User"},
		{"InvalidRoleAssignmentId", "roleAssignmentName", "reader"},
		{"InvalidRoleDefinitionId", "roleDefinitionId", "Reader"},
		{"RoleDefinitionDoesNotExist", "roleDefinitionId", "/providers/Microsoft.Authorization/roleDefinitions/" + newUUID()},
		{"ResourceNotFound", "scope", s.group.id + "x"},
	} {
		s.refused(c.code, token, "role", with(role, object{c.path: c.value}))
	}
	made := s.create(token, "role", role)
	if made.id != s.group.id+"/providers/Microsoft.Authorization/roleAssignments/"+text(role, "roleAssignmentName") {
		t.Errorf("id %s", made.id)
	}
	s.refused("RoleAssignmentExists", token, "again", with(role, object{"roleAssignmentName": newUUID()}))
	s.wantRefusal(made.update(object{"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"}), "RoleAssignmentUpdateNotPermitted", "role")
	if d := made.diff(object{"principalId": "x"}); !d.Changes[0].Replace || !d.DeleteBeforeReplace {
		t.Errorf("%+v", d)
	}
}
