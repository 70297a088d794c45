package infra

import (
	"fmt"
	"path"
	"regexp"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/failure"
)

// Entra ID shows new objects late, and not everywhere at once. The provider repeats its
// question for about 15 seconds, which since November 2025 is sometimes too short
// (hashicorp/terraform-provider-azuread #1802, #1811). The program tries a creation again
// if the failed one has left nothing behind that would be in the way.
//
// An application and its principal leave something behind. They exist, and their ids are in
// the state, before the provider waits for them. Of several tries, the engine keeps only
// what the last one reports. A second try would make a second application, or would be
// refused because there is a principal already, and the state would lose the first one.
// (azuread 2.47.0, internal/services/{applications,serviceprincipals}; pulumi 3.250.0,
// pkg/resource/deploy/step.go.)

// lateTries is the number of tries. So many times latePause, and so many times the
// provider's own wait, are about six minutes together.
const lateTries = 15

var latePause = 10 * time.Second // shorter in tests

// late is one error of the provider that means that Entra is late.
type late struct {
	kind string // the last part of the resource's type
	says *regexp.Regexp
	// again says that another try is safe.
	again bool
	// wayOut says what to do when another try is not safe, or when the tries are used up.
	wayOut func(failed *pulumi.ErrorHookArgs) string
}

var lateness = []late{
	{kind: "Application", says: regexp.MustCompile(`Timed out whilst waiting for new application`), wayOut: carryOn},
	{kind: "Application", says: notShown, wayOut: removeApplication},
	{kind: "ServicePrincipal", says: regexp.MustCompile(`Timed out whilst waiting for new service principal`), wayOut: carryOn},
	{kind: "ServicePrincipal", says: regexp.MustCompile(notShown.String() + `|A resource with the ID "[^"]*" already exists`), wayOut: removePrincipal},
	{kind: "ServicePrincipal", says: regexp.MustCompile(`(?s)Could not create service principal.*` +
		`(does not reference a valid application object|backing application of the service principal)`), again: true, wayOut: upAgain},
	{kind: "ApplicationPassword", says: applicationNotFound, again: true, wayOut: upAgain},
	// A password may exist by now, whose value nobody has.
	{kind: "ApplicationPassword", says: regexp.MustCompile(notShown.String() +
		`|(?s)(Adding password|Waiting for password credential) for application.*unexpected status 404`), again: true, wayOut: removePassword},
	{kind: "ApplicationPassword", says: regexp.MustCompile(`Waiting for password credential`), wayOut: removePassword},
	{kind: "ApplicationFederatedIdentityCredential", says: applicationNotFound, again: true, wayOut: upAgain},
	{kind: "ApplicationFederatedIdentityCredential", says: regexp.MustCompile(`(?s)Adding federated identity credential.*unexpected status 404`), again: true, wayOut: upAgain},
	{kind: "ApplicationFederatedIdentityCredential", says: regexp.MustCompile(notShown.String() +
		`|Waiting for federated identity credential|already exists`), wayOut: removeCredential},
	// The assignment's name is derived from its content, so a second try finds the first
	// one.
	{kind: "RoleAssignment", says: regexp.MustCompile(`PrincipalNotFound`), again: true, wayOut: upAgain},
}

var (
	// notShown is the bridge's error for a resource that the provider made and then did
	// not find when it read it: its id is lost.
	notShown            = regexp.MustCompile(`during Create of`)
	applicationNotFound = regexp.MustCompile(`Application with object ID "[^"]*" was not found`)
)

// newLateness makes the option for resources that depend on Entra.
func (b *builder) newLateness() (pulumi.ResourceOption, error) {
	return failure.Handle(b.ctx, b.child("entra-is-late"), failure.Policy{
		Passing: func(failed *pulumi.ErrorHookArgs) bool {
			l := latenessOf(failed)
			return l != nil && l.again
		},
		Explain: func(failed *pulumi.ErrorHookArgs) string {
			if l := latenessOf(failed); l != nil {
				return l.wayOut(failed) + "; docs/operations.md, \"Entra is late\""
			}
			return ""
		},
		Tries: lateTries, Pause: latePause,
	})
}

// latenessOf is the entry of lateness that matches the newest error; nil when none does.
func latenessOf(failed *pulumi.ErrorHookArgs) *late {
	for i, l := range lateness {
		if failed.FailedOperation == "create" && l.kind == string(failed.Type.Name()) && l.says.MatchString(failed.Errors[0]) {
			return &lateness[i]
		}
	}
	return nil
}

func carryOn(*pulumi.ErrorHookArgs) string {
	return "Entra made it and does not show it everywhere yet. It is in the state: wait 10 minutes, then run `pulumi up --refresh`, which continues with it"
}

func upAgain(failed *pulumi.ErrorHookArgs) string {
	return fmt.Sprintf("after %d tries Entra still does not show what this depends on. Nothing was left behind: wait 10 minutes, then run `pulumi up` again", len(failed.Errors))
}

func removeApplication(failed *pulumi.ErrorHookArgs) string {
	return fmt.Sprintf("Entra made an application and did not show it again, so it is not in the state and the next `pulumi up` makes another one. "+
		"Find it with `az ad app list --display-name '%s' --query '[].[id,createdDateTime]'`, and delete the newest with `az ad app delete --id ID`", input(failed, "displayName"))
}

func removePrincipal(failed *pulumi.ErrorHookArgs) string {
	return fmt.Sprintf("Entra has a service principal of this application that is not in the state. "+
		"Delete it with `az ad sp delete --id %s`, then run `pulumi up` again", input(failed, "clientId"))
}

func removePassword(failed *pulumi.ErrorHookArgs) string {
	return fmt.Sprintf("Entra shows the application's new passwords late. Run `pulumi up` again in 10 minutes. Passwords named '%s' with unknown values may be left: "+
		"`az ad app credential list --id %s` lists them", input(failed, "displayName"), objectID(failed))
}

func removeCredential(failed *pulumi.ErrorHookArgs) string {
	return fmt.Sprintf("Entra made the credential, and it is not in the state. Delete it with "+
		"`az ad app federated-credential delete --id %s --federated-credential-id %s`, then run `pulumi up` again", objectID(failed), input(failed, "displayName"))
}

// input is one of the resource's inputs, as text.
func input(failed *pulumi.ErrorHookArgs, name string) string {
	if value := failed.NewInputs[resource.PropertyKey(name)]; value.IsString() {
		return value.StringValue()
	}
	return "ID"
}

// objectID is the id by which az knows the application that the resource belongs to.
func objectID(failed *pulumi.ErrorHookArgs) string {
	return path.Base(input(failed, "applicationId"))
}
