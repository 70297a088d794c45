package azure

import (
	"regexp"
	"strings"
)

// roleKinds are role assignments. They are checked and recorded. In the sandbox only the
// blob service uses them.
var roleKinds = []*kind{{
	tokens:   []string{"azure-native:authorization:RoleAssignment", "azure-native:authorization/v20220401:RoleAssignment"},
	azure:    "Microsoft.Authorization/roleAssignments",
	path:     "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
	auto:     autoUUID,
	rule:     uuidName,
	required: []string{"principalId", "roleDefinitionId"},
	replaces: []string{"principalId"}, // from azure-native's replacement.go; scope replaces too, as a part of the id
	computed: []string{"createdBy", "createdOn", "updatedBy", "updatedOn"},
	filters:  true,
	judge:    judgeAssignment,
	complete: func(op *operation) {
		op.state["scope"] = text(op.inputs, "scope")
		fallback(op.state, "principalType", "User") // the SDK's default
		op.keep("createdBy", always(op.record.ObjectID))
		op.keep("createdOn", always(timestamp()))
		op.state["updatedBy"], op.state["updatedOn"] = op.record.ObjectID, timestamp()
	},
}}

var roleID = regexp.MustCompile(`(?i)^(/subscriptions/[0-9a-f-]{36})?/providers/Microsoft\.Authorization/roleDefinitions/([0-9a-f-]{36})$`)

// builtInRoles are the roles that the sandbox knows.
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var builtInRoles = map[string]string{
	"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
	"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
	"acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
	"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
	"f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
	"befefa01-2a29-4197-83a8-272ff33ce314": "DNS Zone Contributor",
	"9980e02c-c2be-4d73-94e8-173b1dc7cf3c": "Virtual Machine Contributor",
	"4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
	"de139f84-1756-47ae-9be6-808fbbe84772": "Website Contributor",
	"17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
	"ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
	"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
	"974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
	"0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
	"00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
	"b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
	"4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
	"21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
	"3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}

// judgeAssignment applies the rules of
// https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
func judgeAssignment(op *operation) error {
	principal, role, scope := text(op.inputs, "principalId"), text(op.inputs, "roleDefinitionId"), text(op.inputs, "scope")
	if op.old != nil {
		if !same(at(op.old.Inputs, "roleDefinitionId"), role) {
			return op.refuse("RoleAssignmentUpdateNotPermitted", "tenant ID, application ID, principal ID, role and scope are not allowed to be updated; a new assignment is needed")
		}
		return nil
	}
	if !op.record.scopeExists(scope) {
		return op.refuse("ResourceNotFound", "the scope %s was not found", scope)
	}
	match := roleID.FindStringSubmatch(role)
	if match == nil {
		return op.refuse("InvalidRoleDefinitionId", "the role definition ID '%s' is not valid; it looks like /subscriptions/<subscription>/providers/Microsoft.Authorization/roleDefinitions/<GUID>", role)
	}
	if builtInRoles[strings.ToLower(match[2])] == "" {
		return op.refuse("RoleDefinitionDoesNotExist", "the specified role definition with ID '%s' does not exist (the sandbox knows the built-in roles listed in sandbox/azure/roles.go)", match[2])
	}
	is, found := op.record.principal(principal)
	if !found || is == "ServicePrincipal" && op.early() {
		return op.refuse("PrincipalNotFound", "principal %s does not exist in the directory %s", principal, op.record.Tenant)
	}
	// The SDK's default is User.
	if said := text(op.inputs, "principalType"); is == "ServicePrincipal" && said != is {
		return op.refuse("UnmatchedPrincipalType", "the PrincipalId '%s' has type '%s', which is different from specified PrincipalType '%s'", principal, is, said)
	}
	for _, e := range op.record.of("RoleAssignment") {
		if strings.EqualFold(text(e.Inputs, "principalId"), principal) && strings.EqualFold(text(e.Inputs, "scope"), scope) &&
			strings.EqualFold(last(text(e.Inputs, "roleDefinitionId")), match[2]) {
			return op.refuse("RoleAssignmentExists", "the role assignment already exists; the ID of the conflicting role assignment is %s", e.name())
		}
	}
	return nil
}

func (r *record) scopeExists(scope string) bool {
	return strings.EqualFold(scope, "/subscriptions/"+r.Subscription) || r.get(scope) != nil
}
