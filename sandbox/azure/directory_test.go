package azure

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

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
	// Without DeleteBeforeReplace the engine creates the new secret and then deletes the
	// old one.
	w.create("ActionsSecret", "token", with(secret, object{"plaintextValue": "new"}))
	if err := made.delete(); err != nil {
		t.Fatal(err)
	}
	if delivered, _ = ReadDelivered(w.file, "stack-repo"); len(delivered.Secrets) != 0 {
		t.Error("the provider's trap is not played")
	}
	for reason, changes := range map[string]object{
		"GITHUB_ prefix": {"secretName": "GITHUB_TOKEN"}, "alphanumeric": {"secretName": "1A"}, "o/r": {"repository": "o/r"},
		"conflicts": {"encryptedValue": "x"}, "missing": {"repository": nil},
	} {
		w.refused(reason, "ActionsSecret", "", with(secret, changes))
	}
}

// In a preview only the service's outputs are unknown; after the run all outputs are
// known.
func TestComputedOutputs(t *testing.T) {
	s := newScene(t)
	vm, nic, public := s.node("aver-manager", "10.0.0.4")
	app := s.create(site, "func", appArgs(s.plan()))
	all := []*res{s.group, s.net, s.nsg, s.subnet, vm, nic, public, app, s.create("StorageAccount", "store", accountArgs("averstore"))}
	optional := map[string]bool{"purpose": true, "instanceView": true, "resources": true, "virtualMachine": true, "primary": true, "macAddress": true,
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

func TestDeployKey(t *testing.T) {
	w := newWorld(t)
	key := object{"repository": "stack-repo", "title": "pipeline", "key": testKey, "readOnly": false}
	made := w.create("RepositoryDeployKey", "key", key)
	if made.id == "" || strings.Contains(made.id, "ssh-") {
		t.Errorf("id is %q, want a number", made.id)
	}
	if d := made.diff(object{"readOnly": true}); !d.Changes[0].Replace {
		t.Errorf("GitHub cannot change a deploy key, but the diff is %+v", d)
	}
	w.refused("422", "RepositoryDeployKey", "", with(key, object{"key": "no key"}))
}

// TestLateDirectory: the directory refuses each creation that refers to something new,
// exactly as often as set.
func TestLateDirectory(t *testing.T) {
	s := newScene(t)
	app := s.create("Application", "app", object{"displayName": "aver"})
	s.cloud.WithLate(Late{Tries: 2})
	for _, late := range []struct {
		code, kind, name string
		inputs           func() object
	}{
		{"NoBackingApplicationObject", "ServicePrincipal", "sp", func() object { return object{"clientId": app.state["clientId"]} }},
		{"Request_ResourceNotFound", "ApplicationPassword", "pw", func() object { return object{"applicationId": app.id} }},
		{"Request_ResourceNotFound", "ApplicationFederatedIdentityCredential", "fed", func() object {
			return object{"applicationId": app.id, "displayName": "a", "audiences": list("b"), "issuer": "c", "subject": "d"}
		}},
		{"PrincipalNotFound", "azure-native:authorization:RoleAssignment", "role", func() object {
			return object{"scope": s.group.id, "principalType": "ServicePrincipal", "roleAssignmentName": newUUID(),
				"principalId":      s.cloud.record.of("ServicePrincipal")[0].State["objectId"],
				"roleDefinitionId": "/subscriptions/" + s.cloud.record.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"}
		}},
	} {
		for range 2 {
			s.refused(late.code, late.kind, late.name, late.inputs())
		}
		s.create(late.kind, late.name, late.inputs())
	}
}

// TestUnseenApplication: a creation fails after the application was created. The
// application exists, the engine has its id, and a refresh finds the rest.
func TestUnseenApplication(t *testing.T) {
	w := newWorld(t)
	w.cloud.WithLate(Late{Unseen: true})
	_, err := w.try("Application", "app", object{"displayName": "aver"})
	var unfinished *plugin.Unfinished
	if !errors.As(err, &unfinished) {
		t.Fatalf("error %v", err)
	}
	made := w.cloud.record.get(unfinished.ID)
	if made == nil || made.State["clientId"] == nil || unfinished.State.HasValue("clientId") {
		t.Errorf("made %v, and the engine has %v", made, unfinished.State)
	}
	if _, err := w.try("Application", "app", object{"displayName": "aver"}); err == nil || len(w.cloud.record.of("Application")) != 2 {
		t.Error("another try did not make a second application")
	}
	token := w.full("Application")
	read := w.types[token].Read
	if _, _, state, err := read(t.Context(), w.urn(token, "app"), unfinished.ID, nil, unfinished.State); err != nil || !state.HasValue("clientId") {
		t.Errorf("a refresh finds %v, %v", state, err)
	}
}
