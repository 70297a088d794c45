package azure

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
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
		{"missing required property 'policy'", "ManagementPolicy", object{"resourceGroupName": "aver-rg", "accountName": "averstore", "managementPolicyName": "default"}},
	} {
		s.refused(c.code, c.token, "", c.inputs)
	}
}

func TestAccountKeysAreStableAndSecret(t *testing.T) {
	s := newScene(t)
	s.create("StorageAccount", "store", accountArgs("averstore"))
	args := toEngine(object{"resourceGroupName": "aver-rg", "accountName": "averstore"})
	first, err := s.cloud.accountKeys(context.Background(), args)
	if err != nil || !first["keys"].IsSecret() {
		t.Fatalf("%v %v", first, err)
	}
	second, _ := reopen(t, s.fake, s.file).cloud.accountKeys(context.Background(), args)
	if !first.DeepEquals(second) {
		t.Error("the keys change")
	}
	if _, err := s.cloud.accountKeys(context.Background(), toEngine(object{"resourceGroupName": "aver-rg", "accountName": "none"})); err == nil {
		t.Error("keys of no account")
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
	if err := one.delete(); err != nil {
		t.Fatal(err)
	}
	s.refused("ObjectIsDeletedButRecoverable", "Secret", "secret", secret)
	if err := made.delete(); err != nil {
		t.Fatal(err)
	}
	s.create("Vault", "vault", vault)
	s.create("Secret", "secret", secret)
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

func TestDirectory(t *testing.T) {
	w := newWorld(t)
	app := w.create("Application", "app", object{"displayName": "aver"})
	client := text(app.state, "clientId")
	if app.id != "/applications/"+text(app.state, "objectId") || client == "" {
		t.Fatalf("%s %v", app.id, app.state)
	}
	principal := w.create("ServicePrincipal", "sp", object{"clientId": client})
	w.refused("Request_MultipleObjectsWithSameKeyValue", "ServicePrincipal", "sp2", object{"clientId": client})
	w.refused("NoBackingApplicationObject", "ServicePrincipal", "sp3", object{"clientId": newUUID()})
	if kind, found := w.cloud.record.principal(text(principal.state, "objectId")); !found || kind != "ServicePrincipal" {
		t.Error("the principal cannot be given roles")
	}
	password := w.create("ApplicationPassword", "pw", object{"applicationId": app.id, "endDateRelative": "240h", "rotateWhenChanged": object{"period": "1"}})
	value := text(password.state, "value")
	if len(value) != 40 || !strings.HasSuffix(text(password.state, "endDate"), "Z") {
		t.Errorf("%v", password.state)
	}
	if data, _ := os.ReadFile(w.file); strings.Contains(string(data), value) {
		t.Error("the password is in the record")
	}
	if d := password.diff(object{"rotateWhenChanged": object{"period": "2"}}); !d.Changes[0].Replace || d.DeleteBeforeReplace {
		t.Errorf("%+v", d)
	}
	w.refused("InvalidApplicationId", "ApplicationPassword", "pw2", object{"applicationId": client})
	w.refused("Request_ResourceNotFound", "ApplicationPassword", "pw2", object{"applicationId": "/applications/" + newUUID()})
	w.refused("InvalidCredentialDates", "ApplicationPassword", "pw2", object{"applicationId": app.id, "endDateRelative": "-1h"})
	fed := object{"applicationId": app.id, "displayName": "main", "audiences": list("api://AzureADTokenExchange"), "issuer": "https://token.actions.githubusercontent.com", "subject": "repo:o/r:ref:refs/heads/main"}
	w.create("ApplicationFederatedIdentityCredential", "main", fed)
	for code, changes := range map[string]object{
		"already used":                          {"displayName": "second"},
		"name main already exists":              {"subject": "repo:o/r:pull_request"},
		"Request_BadRequest":                    {"displayName": "a b"},
		"exactly one value":                     {"displayName": "c", "audiences": list("a", "b")},
		"wildcard":                              {"displayName": "d", "subject": "repo:o/*"},
		"missing required property 'audiences'": {"audiences": nil},
	} {
		w.refused(code, "ApplicationFederatedIdentityCredential", "", with(fed, changes))
	}
}

func TestClientConfig(t *testing.T) {
	w := newWorld(t)
	got, err := w.cloud.Plugins()[0].Functions["azure-native:authorization:getClientConfig"](context.Background(), nil)
	if err != nil || got["tenantId"].StringValue() != w.cloud.record.Tenant {
		t.Errorf("%v %v", got, err)
	}
}

func TestGitHub(t *testing.T) {
	w := newWorld(t)
	secret := object{"repository": "stack-repo", "secretName": "ghcr_token", "plaintextValue": "s3cr3t-value"}
	made := w.create("ActionsSecret", "token", secret)
	variable := w.create("ActionsVariable", "image", object{"repository": "stack-repo", "variableName": "IMAGE", "value": "a"})
	if err := variable.update(object{"value": "b"}); err != nil {
		t.Fatal(err)
	}
	delivered, err := ReadDelivered(w.file, "stack-repo")
	if err != nil || delivered.Secrets["GHCR_TOKEN"] != "s3cr3t-value" || delivered.Variables["IMAGE"] != "b" {
		t.Errorf("%v %v", delivered, err)
	}
	if info, _ := os.Stat(filepath.Join(filepath.Dir(w.file), "github", "stack-repo.json")); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if data, _ := os.ReadFile(w.file); strings.Contains(string(data), "s3cr3t") {
		t.Error("the secret is in the record")
	}
	if d := made.diff(object{"plaintextValue": "new"}); !d.Changes[0].Replace || d.DeleteBeforeReplace {
		t.Errorf("%+v", d)
	}
	// Without DeleteBeforeReplace the engine creates first and deletes then.
	w.create("ActionsSecret", "token", with(secret, object{"plaintextValue": "new"}))
	if err := made.delete(); err != nil {
		t.Fatal(err)
	}
	if delivered, _ = ReadDelivered(w.file, "stack-repo"); len(delivered.Secrets) != 0 {
		t.Error("the provider's trap is not played")
	}
	for reason, changes := range map[string]object{
		"GITHUB_ prefix": {"secretName": "GITHUB_TOKEN"}, "alphanumeric": {"secretName": "1A"}, "no repository name": {"repository": "o/r"},
		"conflicts": {"encryptedValue": "x"}, "missing": {"repository": nil},
	} {
		w.refused(reason, "ActionsSecret", "", with(secret, changes))
	}
}

// In a preview what the service adds is unknown, and only that; after the run
// all of it is there.
func TestComputedOutputs(t *testing.T) {
	s := newScene(t)
	vm, nic, public := s.node("aver-manager", "10.0.0.4")
	app := s.create(site, "func", appArgs(s.plan()))
	all := []*res{s.group, s.net, s.nsg, s.subnet, vm, nic, public, app, s.create("StorageAccount", "store", accountArgs("averstore"))}
	optional := map[string]bool{"purpose": true, "instanceView": true, "resources": true, "virtualMachine": true, "primary": true,
		"ipConfiguration": true, "dnsSettings.fqdn": true}
	for _, r := range all {
		_, foreseen, err := s.types[r.token].Create(context.Background(), s.urn(r.token, r.name), toEngine(r.inputs), true)
		if err != nil {
			t.Fatal(err)
		}
		early := fromEngine(foreseen)
		for _, path := range kindOf(r.token).computed {
			path = strings.ReplaceAll(path, "*", "0")
			if at(r.state, path) == nil && !optional[path] && !strings.HasPrefix(path, "identity.") {
				t.Errorf("%s has no %s", r.token, path)
			}
			if at(r.inputs, path) == nil && at(early, path) != nil && known(at(early, path)) {
				t.Errorf("%s: %s is known in a preview: %v", r.token, path, at(early, path))
			}
		}
	}
	_, foreseen, _ := s.types[vm.token].Create(context.Background(), s.urn(vm.token, "x"), toEngine(vm.inputs), true)
	if !foreseen["vmId"].ContainsUnknowns() || foreseen["hardwareProfile"].ContainsUnknowns() {
		t.Errorf("%v", foreseen)
	}
	state, err := s.types[vm.token].Update(context.Background(), s.urn(vm.token, "x"), vm.id, nil, toEngine(vm.state), toEngine(vm.inputs), true)
	if err != nil || state["name"] != resource.NewStringProperty("aver-manager") || !state["vmId"].ContainsUnknowns() {
		t.Errorf("%v %v", state, err)
	}
}
