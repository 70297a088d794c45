package infra

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/recorder"
)

const (
	applicationType = "azuread:index/application:Application"
	principalType   = "azuread:index/servicePrincipal:ServicePrincipal"
)

// impatient makes the tries follow each other without a pause.
func impatient(t *testing.T) {
	before := latePause
	latePause = time.Millisecond
	t.Cleanup(func() { latePause = before })
}

// Each text is the original error as the engine has it: the provider's summary and detail,
// and the bridge's words around them.
const (
	notFound = `unexpected status 404 with OData error: Request_ResourceNotFound: Resource '1b' does not exist or one of its queried reference-property objects are not present.`
	lostID   = "expected non-empty ID for new state during Create of urn:pulumi:dev::averazure::x"
)

func TestLateEntraIsTriedAgainOnlyWhereNothingIsLeftBehind(t *testing.T) {
	impatient(t)
	for _, test := range []struct {
		kind, error string
		again       bool
		wayOut      string // of one that is not tried again
	}{
		{applicationType, "creating urn: 1 error occurred:\n\t* Timed out whilst waiting for new application to be replicated in Azure AD: ApplicationsClient.BaseClient.Patch(): " + notFound, false, "`pulumi up --refresh`"},
		{applicationType, lostID, false, "az ad app list --display-name"},
		{applicationType, "Could not create application: ApplicationsClient.BaseClient.Post(): unexpected status 403 with OData error: Authorization_RequestDenied: Insufficient privileges to complete the operation.", false, ""},
		{principalType, "creating urn: 1 error occurred:\n\t* Timed out whilst waiting for new service principal to be replicated in Azure AD: ServicePrincipalsClient.BaseClient.Patch(): " + notFound, false, "`pulumi up --refresh`"},
		{principalType, lostID, false, "az ad sp delete --id "},
		{principalType, `A resource with the ID "1b" already exists: To be managed via Terraform, this resource needs to be imported into the State.`, false, "az ad sp delete --id "},
		{principalType, "Could not create service principal: ServicePrincipalsClient.BaseClient.Post(): unexpected status 400 with OData error: NoBackingApplicationObject: The appId '1b' of the service principal does not reference a valid application object.", true, ""},
		{principalType, "Could not create service principal: ServicePrincipalsClient.BaseClient.Post(): unexpected status 403 with OData error: Authorization_RequestDenied: When using this permission, the backing application of the service principal being created must in the local tenant", true, ""},
		{principalType, "Could not create service principal: ServicePrincipalsClient.BaseClient.Post(): unexpected status 403 with OData error: Authorization_RequestDenied: Insufficient privileges to complete the operation.", false, ""},
		{principalType, "Could not create service principal: ServicePrincipalsClient.BaseClient.Post(): unexpected status 504 with no body", false, ""},
		{passwordType, `Application with object ID "1b" was not found`, true, ""},
		{passwordType, `Adding password for application with object ID "1b": ApplicationsClient.BaseClient.Post(): ` + notFound, true, ""},
		{passwordType, `Waiting for password credential for application with object ID "1b": ApplicationsClient.BaseClient.Get(): ` + notFound, true, ""},
		{passwordType, lostID, true, ""},
		{passwordType, `Waiting for password credential for application with object ID "1b": timeout while waiting for state to become 'Done' (last state: 'Waiting', timeout: 4m59s)`, false, "az ad app credential list --id "},
		{federateType, `Application with object ID "1b" was not found`, true, ""},
		{federateType, `Adding federated identity credential for application with object ID "1b": ApplicationsClient.BaseClient.Post(): ` + notFound, true, ""},
		{federateType, `Waiting for federated identity credential for application with object ID "1b": ApplicationsClient.BaseClient.Get(): ` + notFound, false, "az ad app federated-credential delete --id "},
		{federateType, lostID, false, "--federated-credential-id github-"},
		{roleType, `Code="PrincipalNotFound" Message="Principal 1b does not exist in the directory 2c."`, true, ""},
		{roleType, `Code="AuthorizationFailed" Message="does not have authorization to perform action"`, false, ""},
	} {
		t.Run(test.kind, func(t *testing.T) {
			r := &recorder.Recorder{Fail: test.kind, FailWith: test.error, FailTimes: 1}
			_, err := record(t, r, full(), moment)
			if passed := err == nil; passed != test.again {
				t.Errorf("%q: tried again: %v, want %v", test.error, passed, test.again)
			}
			logs := strings.Join(r.Logs(), "\n")
			if explained := strings.Contains(logs, "docs/operations.md"); explained != (test.wayOut != "") || !strings.Contains(logs, test.wayOut) {
				t.Errorf("%q: the messages are %q, want %q in them", test.error, logs, test.wayOut)
			}
		})
	}
}

// Errors of an update or a deletion do not count, nor do earlier errors of a creation.
func TestOnlyTheNewestErrorOfACreationCounts(t *testing.T) {
	const late, denied = `Code="PrincipalNotFound"`, `Code="AuthorizationFailed"`
	for _, test := range []struct {
		operation string
		errors    []string
		late      bool
	}{
		{"create", []string{late, denied}, true},
		{"create", []string{denied, late}, false},
		{"update", []string{late}, false},
		{"delete", []string{late}, false},
	} {
		failed := &pulumi.ErrorHookArgs{FailedOperation: test.operation, Type: roleType, Errors: test.errors}
		if got := latenessOf(failed) != nil; got != test.late {
			t.Errorf("%s, %q: late is %v", test.operation, test.errors, got)
		}
	}
}

func TestLateEntraIsWaitedForOnlySoLong(t *testing.T) {
	impatient(t)
	r := &recorder.Recorder{Fail: roleType, FailWith: `Code="PrincipalNotFound"`}
	if _, err := record(t, r, full(), moment); err == nil {
		t.Error("the program went on as if nothing had happened")
	}
	if logs, want := strings.Join(r.Logs(), "\n"), fmt.Sprintf("after %d tries", lateTries); !strings.Contains(logs, want) {
		t.Errorf("the messages are %q, want %q in them", logs, want)
	}
}
