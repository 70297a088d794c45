package infra

import (
	"fmt"
	"strings"

	authorization "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2/v20220401"
	storage "github.com/pulumi/pulumi-azure-native-sdk/storage/v2/v20230101"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/names"
)

// Azure's built-in roles by their ids, from "Azure built-in roles".
const (
	blobContributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe" // Storage Blob Data Contributor
	blobOwner       = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b" // Storage Blob Data Owner
	secretsUser     = "4633458b-17de-408a-b874-0445c86b69e6" // Key Vault Secrets User
	contributor     = "b24988ac-6180-42a0-ab88-20f7382dd24c" // Contributor
	roleAdmin       = "f58310d9-a9f6-439a-9e8d-f62e7b41a168" // Role Based Access Control Administrator
	zoneContributor = "befefa01-2a29-4197-83a8-272ff33ce314" // DNS Zone Contributor
)

// grant is one role for one principal on one scope.
type grant struct {
	key       string
	role      string
	scope     pulumi.StringOutput
	principal pulumi.StringOutput
	why       string
	condition string
}

// newRole makes an assignment. Its name is a UUID of its content, so that making it again
// finds the same one instead of causing a conflict. The principal's type spares Azure the
// look-up of a principal that its directory has not replicated yet.
func (b *builder) newRole(g grant) error {
	name := pulumi.All(g.scope, g.principal).ApplyT(func(parts []any) string {
		return names.UUID(parts[0].(string), parts[1].(string), g.role)
	}).(pulumi.StringOutput)
	args := &authorization.RoleAssignmentArgs{
		RoleAssignmentName: name,
		Scope:              g.scope,
		PrincipalId:        g.principal,
		PrincipalType:      pulumi.String("ServicePrincipal"),
		RoleDefinitionId:   pulumi.String(b.roleID(g.role)),
		Description:        pulumi.String(g.why),
	}
	if g.condition != "" {
		args.Condition, args.ConditionVersion = pulumi.String(g.condition), pulumi.String("2.0")
	}
	_, err := authorization.NewRoleAssignment(b.ctx, b.child(g.key), args, b.parent(), b.late, pulumi.DeleteBeforeReplace(true))
	return err
}

// roleID is a built-in role's id in this subscription.
func (b *builder) roleID(role string) string {
	return fmt.Sprintf("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s", b.account.SubscriptionId, role)
}

// applicationRoles is all that the application may do: use its own container, and read its
// own secret. It may not read the deploy key in the same vault.
func (b *builder) applicationRoles(app principal, container *storage.BlobContainer, secret *vaultSecret) error {
	for _, g := range []grant{
		{key: "application-blobs", role: blobContributor, scope: container.ID().ToStringOutput(), why: "the application's blobs"},
		{key: "application-secret", role: secretsUser, scope: secret.ID().ToStringOutput(), why: "the application's own client secret, also after it was renewed"},
	} {
		g.principal = app.service.ObjectId
		if err := b.newRole(g); err != nil {
			return err
		}
	}
	return nil
}

// functionRoles lets the function app keep its code and its own records in its
// storage account.
func (b *builder) functionRoles(app *webApp, account *storage.StorageAccount) error {
	return b.newRole(grant{key: "function-storage", role: blobOwner, scope: account.ID().ToStringOutput(),
		principal: app.principalID(), why: "the Functions host's own storage"})
}

// deployerRoles lets a workflow change everything in the resource group. Outside it, a
// workflow may change only the record of Domain, which it reads at every refresh. It may
// assign only the roles that the program assigns there, and only to service principals;
// docs/decisions/0004 says what that leaves open.
func (b *builder) deployerRoles(deployer principal) error {
	group := b.group.ID().ToStringOutput()
	grants := []grant{
		{key: "deployer-resources", role: contributor, scope: group, why: "pulumi up of this stack"},
		{key: "deployer-roles", role: roleAdmin, scope: group, why: "the role assignments of this stack", condition: onlyRoles(blobContributor, blobOwner, secretsUser)},
	}
	if b.record != nil {
		grants = append(grants, grant{key: "deployer-record", role: zoneContributor, scope: b.record.ID().ToStringOutput(), why: "the record of " + b.args.Domain})
	}
	for _, g := range grants {
		g.principal = deployer.service.ObjectId
		if err := b.newRole(g); err != nil {
			return err
		}
	}
	return nil
}

// onlyRoles is the condition under which a role administrator may give these roles to
// service principals, take them from service principals, and do nothing else (Azure's
// condition language, version 2.0; "Examples to delegate Azure role assignment management
// with conditions", roles and principal types).
func onlyRoles(roles ...string) string {
	list := strings.Join(roles, ", ")
	clause := func(action, subject string) string {
		attribute := "@" + subject + "[Microsoft.Authorization/roleAssignments:"
		return fmt.Sprintf("((!(ActionMatches{'Microsoft.Authorization/roleAssignments/%s'})) OR "+
			"(%sRoleDefinitionId] ForAnyOfAnyValues:GuidEquals {%s} AND "+
			"%sPrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))", action, attribute, list, attribute)
	}
	return clause("write", "Request") + " AND " + clause("delete", "Resource")
}
