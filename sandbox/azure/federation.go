package azure

import (
	"regexp"
	"strings"
)

// credentialName is the form of a federated credential's name.
// https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
var credentialName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,119}$`)

// Limits from
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
const maxCredentials = 20

var federatedCredential = &kind{
	tokens:   []string{"azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential"},
	azure:    "Entra federated identity credential",
	echo:     true,
	required: []string{"audiences", "displayName", "issuer", "subject"},
	computed: []string{"credentialId", "applicationId", "applicationObjectId"},
	replaces: []string{"applicationId", "applicationObjectId", "displayName"},
	identify: func(op *operation) string {
		id := text(op.inputs, "applicationId") + text(op.inputs, "applicationObjectId")
		return last(id) + "/federatedIdentityCredential/" + newUUID()
	},
	judge: judgeFederation,
	complete: func(op *operation) {
		app, _ := op.owner()
		op.state["applicationId"], op.state["applicationObjectId"] = app.ID, last(app.ID)
		op.state["credentialId"] = last(op.id)
	},
}

func judgeFederation(op *operation) error {
	app, err := op.owner()
	if err != nil {
		return err
	}
	name, issuer, subject := text(op.inputs, "displayName"), text(op.inputs, "issuer"), text(op.inputs, "subject")
	switch {
	case !credentialName.MatchString(name):
		return op.refuse("Request_BadRequest", "the name %q is not valid: 1 to 120 letters, digits, hyphens and underscores, beginning with a letter or digit", name)
	case len(texts(op.inputs, "audiences")) != 1:
		return op.refuse("Request_BadRequest", "audiences must hold exactly one value")
	case len(issuer) > 600 || len(subject) > 600:
		return op.refuse("Request_BadRequest", "issuer and subject can have 600 characters each")
	case strings.Contains(subject, "*"):
		return op.refuse("Request_BadRequest", "the subject %q has a wildcard; subjects are compared as they stand", subject)
	}
	count := 0
	for _, e := range op.record.of("ApplicationFederatedIdentityCredential") {
		if e.ID == op.id || text(e.State, "applicationId") != app.ID {
			continue
		}
		count++
		if text(e.State, "displayName") == name {
			return op.refuse("Request_MultipleObjectsWithSameKeyValue", "a federated identity credential with the name %s already exists on the application", name)
		}
		if text(e.State, "issuer") == issuer && text(e.State, "subject") == subject {
			return op.refuse("Request_MultipleObjectsWithSameKeyValue", "the combination of issuer %s and subject %s is already used by %s", issuer, subject, text(e.State, "displayName"))
		}
	}
	if count >= maxCredentials {
		return op.refuse("Directory_QuotaExceeded", "an application can have %d federated identity credentials", maxCredentials)
	}
	return nil
}
