package azure

import (
	"regexp"
	"time"
)

// directoryKinds is the part of Entra ID behind azuread: applications, service
// principals, passwords and federated credentials. They are recorded only; nothing signs
// in with them. Replacements follow ForceNew in hashicorp/terraform-provider-azuread,
// internal/services/{applications,serviceprincipals}.
func directoryKinds() []*kind {
	return []*kind{application, servicePrincipal, applicationPassword, federatedCredential}
}

var application = &kind{
	tokens:   []string{"azuread:index/application:Application"},
	azure:    "Entra application",
	echo:     true,
	required: []string{"displayName"},
	computed: []string{"clientId", "applicationId", "objectId", "publisherDomain", "appRoleIds", "oauth2PermissionScopeIds",
		"disabledByMicrosoft", "logoUrl", "templateId"},
	identify: func(*operation) string { return "/applications/" + newUUID() },
	judge: func(op *operation) error {
		if unique, _ := flag(op.inputs, "preventDuplicateNames"); !unique || op.old != nil {
			return nil
		}
		for _, e := range op.record.of("Application") {
			if text(e.State, "displayName") == text(op.inputs, "displayName") {
				return op.refuse("DuplicateName", "an existing application with the display name %q was found (%s) and preventDuplicateNames is set", text(op.inputs, "displayName"), e.ID)
			}
		}
		return nil
	},
	complete: func(op *operation) {
		op.state["objectId"] = last(op.id)
		op.keep("clientId", freshUUID)
		op.state["applicationId"] = op.state["clientId"] // its earlier name
		op.state["publisherDomain"] = "sandbox.onmicrosoft.com"
		fallback(op.state, "signInAudience", "AzureADMyOrg")
		for _, none := range []string{"disabledByMicrosoft", "logoUrl", "templateId"} {
			op.state[none] = ""
		}
		fallback(op.state, "appRoleIds", object{})
		fallback(op.state, "oauth2PermissionScopeIds", object{})
	},
}

var servicePrincipal = &kind{
	tokens: []string{"azuread:index/servicePrincipal:ServicePrincipal"},
	azure:  "Entra service principal",
	echo:   true,
	computed: []string{"objectId", "displayName", "applicationTenantId", "servicePrincipalNames", "signInAudience", "type", "clientId",
		"applicationId", "appRoleIds", "appRoles", "homepageUrl", "logoutUrl", "oauth2PermissionScopeIds", "oauth2PermissionScopes", "redirectUris", "samlMetadataUrl"},
	replaces: []string{"clientId", "applicationId", "useExisting"},
	identify: func(*operation) string { return newUUID() },
	judge: func(op *operation) error {
		client := clientOf(op.inputs)
		if op.record.application(func(e *entry) bool { return text(e.State, "clientId") == client }) == nil {
			return op.noApplication(client)
		}
		if op.early() {
			return op.noApplication(client)
		}
		for _, e := range op.record.of("ServicePrincipal") {
			if clientOf(e.State) == client && e.ID != op.id {
				return op.refuse("Request_MultipleObjectsWithSameKeyValue", "the service principal cannot be created because the service principal name %s is already in use", client)
			}
		}
		return nil
	},
	complete: func(op *operation) {
		client := clientOf(op.inputs)
		app := op.record.application(func(e *entry) bool { return text(e.State, "clientId") == client })
		op.state["clientId"], op.state["applicationId"] = client, client
		op.state["objectId"], op.state["type"] = op.id, "Application"
		op.state["displayName"], op.state["signInAudience"] = app.State["displayName"], app.State["signInAudience"]
		op.state["applicationTenantId"] = op.record.Tenant
		op.state["servicePrincipalNames"] = list(client)
		fallback(op.state, "accountEnabled", true)
		for _, none := range []string{"homepageUrl", "logoutUrl", "samlMetadataUrl"} {
			op.state[none] = ""
		}
		for _, none := range []string{"appRoles", "oauth2PermissionScopes", "redirectUris"} {
			op.state[none] = []any{}
		}
		op.state["appRoleIds"], op.state["oauth2PermissionScopeIds"] = object{}, object{}
	},
}

// noApplication is Entra's answer while it does not see the application.
func (op *operation) noApplication(client string) error {
	return op.refuse("NoBackingApplicationObject", "Could not create service principal: the appId '%s' of the service principal does not reference a valid application object", client)
}

// clientOf reads the client id under its current or earlier name.
func clientOf(o object) string {
	if id := text(o, "clientId"); id != "" {
		return id
	}
	return text(o, "applicationId")
}

// application finds an application.
func (r *record) application(is func(*entry) bool) *entry {
	for _, e := range r.of("Application") {
		if is(e) {
			return e
		}
	}
	return nil
}

var applicationID = regexp.MustCompile(`^/applications/[0-9a-f-]{36}$`)

// owner finds the application of a credential by its resource id, /applications/<object
// id>.
func (op *operation) owner() (*entry, error) {
	id := text(op.inputs, "applicationId")
	if id == "" {
		id = "/applications/" + text(op.inputs, "applicationObjectId") // the deprecated input
	}
	if !applicationID.MatchString(id) {
		return nil, op.refuse("InvalidApplicationId", "applicationId %q is not the resource id of an application (/applications/<object id>); pass the application's ID, not its client id", id)
	}
	e := op.record.get(id)
	if e == nil || op.early() {
		return nil, op.refuse("Request_ResourceNotFound", "Application with object ID %q was not found", last(id))
	}
	return e, nil
}

var applicationPassword = &kind{
	tokens:   []string{"azuread:index/applicationPassword:ApplicationPassword"},
	azure:    "Entra application password",
	echo:     true,
	computed: []string{"keyId", "value", "startDate", "endDate", "displayName", "applicationId", "applicationObjectId"},
	secrets:  []string{"value"},
	replaces: []string{"applicationId", "applicationObjectId", "displayName", "startDate", "endDate", "endDateRelative", "rotateWhenChanged"},
	identify: func(op *operation) string {
		id := text(op.inputs, "applicationId") + text(op.inputs, "applicationObjectId")
		return last(id) + "/password/" + newUUID()
	},
	judge: func(op *operation) error {
		if _, err := op.owner(); err != nil {
			return err
		}
		start, end, err := validity(op.inputs)
		if err != nil {
			return op.refuse("InvalidCredentialDates", "%v", err)
		}
		if !end.After(start) {
			return op.refuse("InvalidCredentialDates", "it would end (%s) before it begins (%s)", end.Format(time.RFC3339), start.Format(time.RFC3339))
		}
		return nil
	},
	complete: func(op *operation) {
		app, _ := op.owner()
		start, end, _ := validity(op.inputs)
		op.state["applicationId"], op.state["applicationObjectId"] = app.ID, last(app.ID)
		op.state["keyId"] = last(op.id)
		fallback(op.state, "displayName", "")
		fallback(op.state, "startDate", start.Format(time.RFC3339))
		fallback(op.state, "endDate", end.Format(time.RFC3339))
		op.state["value"] = newPassword()
	},
}

// validity is the time in which a password is valid; two years by default.
// https://learn.microsoft.com/graph/api/application-addpassword
func validity(inputs object) (start, end time.Time, err error) {
	start = now()
	if s := text(inputs, "startDate"); s != "" {
		if start, err = time.Parse(time.RFC3339, s); err != nil {
			return start, end, err
		}
	}
	end = start.AddDate(2, 0, 0)
	if s := text(inputs, "endDate"); s != "" {
		end, err = time.Parse(time.RFC3339, s)
	} else if s := text(inputs, "endDateRelative"); s != "" {
		var d time.Duration
		d, err = time.ParseDuration(s)
		end = start.Add(d)
	}
	return start, end, err
}

// newPassword makes a password like Entra's: 40 characters, some of them special in a
// shell or a URL.
func newPassword() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~"
	b := randomBytes(40)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	copy(b[3:], "8Q~")
	return string(b)
}
