package infra

import (
	"strings"
	"testing"
	"time"

	"averazure/internal/recorder"
)

func TestStorageIsPrivate(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, account := range r.OfType(accountType) {
		for path, want := range map[string]any{
			"minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false,
			"allowSharedKeyAccess": false, "enableHttpsTrafficOnly": true,
		} {
			if got := recorder.At(account.Inputs, path); got != want {
				t.Errorf("%s: %s is %v, want %v", account.Name, path, got, want)
			}
		}
	}
	for _, box := range r.OfType("azure-native:storage/v20230101:BlobContainer") {
		if recorder.At(box.Inputs, "publicAccess") != "None" {
			t.Errorf("%s is public", box.Name)
		}
	}
	for _, service := range r.OfType("azure-native:storage/v20230101:BlobServiceProperties") {
		if recorder.At(service.Inputs, "deleteRetentionPolicy.days") != 30.0 || recorder.At(service.Inputs, "containerDeleteRetentionPolicy.enabled") != true {
			t.Errorf("%s: deleted blobs cannot be restored", service.Name)
		}
	}
}

func TestVault(t *testing.T) {
	r, _ := mustRecord(t, full())
	vault := r.Get(vaultType, "aver-vault")
	for path, want := range map[string]any{
		"properties.enableRbacAuthorization": true, "properties.enableSoftDelete": true,
		"properties.softDeleteRetentionInDays": 30.0, "properties.tenantId": recorder.Tenant,
		"properties.publicNetworkAccess": "enabled",
		// Azure refuses false: the property is true or absent.
		"properties.enablePurgeProtection": nil,
	} {
		if got := recorder.At(vault.Inputs, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	secret := r.Get(secretType, "aver-azure-client-secret")
	if got := recorder.At(secret.Inputs, "properties.value"); got != recorder.At(r.Exports(), "clientSecret") {
		t.Errorf("the vault holds another client secret than the one handed on")
	}
	if got := secret.Request.GetDeletedWith(); got != vault.URN {
		t.Errorf("the secret is deleted with %q: on its own it cannot be", got)
	}
	if !recorder.IsSecret(secret.Inputs, "properties.value") {
		t.Error("the value is in plain text in the state")
	}
	c := full()
	c.PurgeProtection = true
	r, _ = mustRecord(t, c)
	if got := recorder.At(r.Get(vaultType, "aver-vault").Inputs, "properties.enablePurgeProtection"); got != true {
		t.Errorf("purge protection is %v", got)
	}
}

// A deleted vault keeps its name, so the provider has to find another name for the next
// one: the resource's name and 8 hex digits. With the longest prefix that is exactly as
// long as a vault's name may be.
func TestVaultIsNamedByTheProvider(t *testing.T) {
	c := full()
	c.Prefix = "abcdefghij"
	r, _ := mustRecord(t, c)
	for _, vault := range r.OfType(vaultType) {
		if name := recorder.At(vault.Inputs, "vaultName"); name != nil {
			t.Errorf("the program names it %v", name)
		}
		if name := vault.Name + "0123abcd"; len(name) > 24 {
			t.Errorf("%s has more than the 24 characters that Azure accepts", name)
		}
	}
}

func TestFunctionApp(t *testing.T) {
	r, _ := mustRecord(t, full())
	plan, app := r.Get(planType, "aver-plan"), r.Get(webAppType, "aver-function")
	for _, tc := range []struct {
		res  *recorder.Resource
		path string
		want any
	}{
		{plan, "sku.name", "FC1"}, {plan, "sku.tier", "FlexConsumption"}, {plan, "reserved", true},
		{app, "kind", "functionapp,linux"}, {app, "identity.type", "SystemAssigned"}, {app, "httpsOnly", true},
		{app, "functionAppConfig.runtime.name", "custom"}, {app, "functionAppConfig.runtime.version", "1.0"},
		{app, "functionAppConfig.deployment.storage.authentication.type", "SystemAssignedIdentity"},
		{app, "functionAppConfig.deployment.storage.type", "blobContainer"},
		{app, "functionAppConfig.scaleAndConcurrency.instanceMemoryMB", 2048.0},
	} {
		if got := recorder.At(tc.res.Inputs, tc.path); got != tc.want {
			t.Errorf("%s: %s is %v, want %v", tc.res.Name, tc.path, got, tc.want)
		}
	}
	for _, res := range []*recorder.Resource{plan, app} {
		if got := res.Request.GetVersion(); got != sdkVersion {
			t.Errorf("%s asks for the provider %q: another version would start a second provider", res.Name, got)
		}
	}
	code := recorder.At(app.Inputs, "functionAppConfig.deployment.storage.value").(string)
	if !strings.HasSuffix(code, ".blob.core.windows.net/"+codeContainer) {
		t.Errorf("code lies at %q", code)
	}
	// The runtime's language and its old settings are refused beside functionAppConfig.
	if strings.Contains(recorder.Text(app.Inputs), "FUNCTIONS_WORKER_RUNTIME") || strings.Contains(recorder.Text(app.Inputs), "AccountKey=") {
		t.Error("a setting that Flex Consumption refuses, or a connection string")
	}
}

func TestRolesAreTheLeast(t *testing.T) {
	r, _ := mustRecord(t, full())
	for name, want := range map[string]struct{ role, scope string }{
		"aver-application-blobs":  {blobContributor, "BlobContainer/app"},
		"aver-application-secret": {secretsUser, "Secret/azure-client-secret"},
		"aver-function-storage":   {blobOwner, "StorageAccount/averfn"},
		"aver-deployer-resources": {contributor, "resourceGroups/aver-test"},
		"aver-deployer-roles":     {roleAdmin, "resourceGroups/aver-test"},
		// The zone is in somebody else's resource group, and the role is for one record
		// only of all zones there.
		"aver-deployer-record": {zoneContributor, "resourceGroups/names/providers/RecordSet/"},
	} {
		role := r.Get(roleType, name)
		if role == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		if got := recorder.At(role.Inputs, "roleDefinitionId").(string); !strings.HasSuffix(got, want.role) {
			t.Errorf("%s has the role %s", name, got)
		}
		if got := recorder.At(role.Inputs, "scope").(string); !strings.Contains(got, want.scope) {
			t.Errorf("%s reaches %s, want %s", name, got, want.scope)
		}
		if recorder.At(role.Inputs, "principalType") != "ServicePrincipal" || !role.Request.GetDeleteBeforeReplace() {
			t.Errorf("%s: Azure would look the principal up too early, or answer 409 on a replacement", name)
		}
		if got := recorder.At(role.Inputs, "roleAssignmentName").(string); len(got) != 36 || got[14] != '5' {
			t.Errorf("%s is named %q, want a version 5 UUID", name, got)
		}
	}
	if n := len(r.OfType(roleType)); n != 6 {
		t.Errorf("%d role assignments, want 6", n)
	}
	condition, _ := recorder.At(r.Get(roleType, "aver-deployer-roles").Inputs, "condition").(string)
	for _, role := range []string{blobContributor, blobOwner, secretsUser} {
		if strings.Count(condition, role) != 2 {
			t.Errorf("the deployer may not assign and remove %s: %s", role, condition)
		}
	}
	for _, side := range []string{"@Request", "@Resource"} {
		if !strings.Contains(condition, side+"[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}") {
			t.Errorf("the deployer may give a person a role (%s): %s", side, condition)
		}
	}
	if strings.Contains(condition, contributor) || strings.Contains(condition, roleAdmin) || strings.Contains(condition, zoneContributor) {
		t.Errorf("the deployer may give itself more: %s", condition)
	}
}

func TestFederation(t *testing.T) {
	r, _ := mustRecord(t, full())
	subjects := map[any]bool{}
	for _, credential := range r.OfType(federateType) {
		subjects[recorder.At(credential.Inputs, "subject")] = true
		if recorder.At(credential.Inputs, "issuer") != githubIssuer || recorder.At(credential.Inputs, "audiences.0") != azureAudience {
			t.Errorf("%s: %v", credential.Name, credential.Inputs)
		}
	}
	for _, subject := range full().OIDCSubjects {
		if !subjects[subject] {
			t.Errorf("no credential for %s", subject)
		}
	}
	if got := recorder.At(r.Exports(), "deployerClientId"); got == recorder.At(r.Exports(), "clientId") || got == "" {
		t.Error("the deployer must not be the application whose secret is on every node")
	}
	c := full()
	c.OIDCSubjects = nil
	r, _ = mustRecord(t, c)
	if len(r.OfType(federateType)) != 0 || recorder.At(r.Exports(), "deployerClientId") != "" {
		t.Error("without subjects there must be no deployer")
	}
}

func TestClientSecretSlots(t *testing.T) {
	current, previous := slots(moment)
	if current.name() != "2026-09-04" || previous.name() != "2026-06-06" {
		t.Errorf("slots %s and %s", current.name(), previous.name())
	}
	for _, now := range []time.Time{current.start, moment, current.start.Add(slotLength - time.Second)} {
		if c, p := slots(now.In(time.FixedZone("", 5*3600))); c != current || p != previous {
			t.Errorf("%s is in slot %s", now, c.name())
		}
	}
	next, kept := slots(current.start.Add(slotLength))
	if kept != current || next == current {
		t.Error("in the next slot, this one must be the one before")
	}
	if left := current.end().Sub(next.start); left < 180*24*time.Hour {
		t.Errorf("a secret made on its slot's last day is valid for %s only", left)
	}
}

// Within a slot nothing differs; in the next, the old secret is still there,
// under the same name with the same inputs.
func TestRotationKeepsTheOldSecret(t *testing.T) {
	secrets := func(now time.Time) (*recorder.Recorder, map[string]string) {
		r := &recorder.Recorder{}
		if _, err := record(t, r, full(), now); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, password := range r.OfType(passwordType) {
			found[password.Name] = recorder.At(password.Inputs, "endDate").(string)
		}
		return r, found
	}
	first, before := secrets(moment)
	second, same := secrets(moment.Add(24 * time.Hour))
	if first.Inventory() != second.Inventory() || len(before) != 2 || before["aver-client-secret-2026-09-04"] != same["aver-client-secret-2026-09-04"] {
		t.Errorf("within a slot %v became %v", before, same)
	}
	third, after := secrets(moment.Add(slotLength))
	if end := after["aver-client-secret-2026-09-04"]; end == "" || end != before["aver-client-secret-2026-09-04"] {
		t.Errorf("the old secret is gone or changed: %v", after)
	}
	if recorder.At(first.Exports(), "clientSecret") == recorder.At(third.Exports(), "clientSecret") {
		t.Error("the secret handed on must be the new one")
	}
}
