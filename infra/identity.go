package infra

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/pulumi/pulumi-azuread/sdk/v5/go/azuread"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	githubIssuer = "https://token.actions.githubusercontent.com"
	// azureAudience is what Entra ID expects as the audience of foreign tokens.
	azureAudience = "api://AzureADTokenExchange"
	// directoryVersion is the version of the provider that the SDK in go.mod belongs to.
	directoryVersion = "5.47.0"
)

// directory combines the options for Entra's resources: their parent, what is done when
// Entra is late, and their provider's version. Their SDK names no version, and without one
// the engine takes the newest installed provider, of any major version.
func (b *builder) directory() pulumi.ResourceOption {
	return pulumi.Composite(b.parent(), pulumi.Version(directoryVersion), b.late)
}

// principal is an application in Entra ID and its service principal.
type principal struct {
	application *azuread.Application
	service     *azuread.ServicePrincipal
}

// newPrincipal registers an application and lets it sign in to this tenant.
func (b *builder) newPrincipal(key, displayName, what string) (principal, error) {
	application, err := azuread.NewApplication(b.ctx, b.child(key), &azuread.ApplicationArgs{
		DisplayName:    pulumi.String(displayName),
		Description:    pulumi.String(what),
		SignInAudience: pulumi.String("AzureADMyOrg"),
	}, b.directory())
	if err != nil {
		return principal{}, err
	}
	service, err := azuread.NewServicePrincipal(b.ctx, b.child(key+"-principal"), &azuread.ServicePrincipalArgs{
		ClientId:    application.ClientId,
		Description: pulumi.String(what),
	}, b.directory())
	return principal{application, service}, err
}

// newClientSecrets makes the secrets of the current slot and of the one before,
// and returns the current one.
func (b *builder) newClientSecrets(app principal) (pulumi.StringOutput, slot, error) {
	current, previous := slots(b.args.Now)
	var value pulumi.StringOutput
	for _, s := range []slot{previous, current} {
		password, err := azuread.NewApplicationPassword(b.ctx, b.child("client-secret-"+s.name()), &azuread.ApplicationPasswordArgs{
			ApplicationId: app.application.ID(),
			DisplayName:   pulumi.String("slot of " + s.name()),
			EndDate:       pulumi.String(s.end().Format("2006-01-02T15:04:05Z")),
		}, b.directory(), pulumi.AdditionalSecretOutputs([]string{"value"}))
		if err != nil {
			return value, current, err
		}
		value = pulumi.ToSecret(password.Value).(pulumi.StringOutput)
	}
	return value, current, nil
}

// newDeployer makes the application as which GitHub's workflows sign in with their own
// tokens. It is separate from the application's principal, whose secret is on every node:
// no secret that may rebuild everything is stored anywhere.
func (b *builder) newDeployer() (pulumi.StringOutput, error) {
	none := pulumi.String("").ToStringOutput()
	if len(b.args.OIDCSubjects) == 0 {
		return none, nil
	}
	deployer, err := b.newPrincipal("deployer", b.names.Deployer(), "pulumi up from GitHub's workflows, without a stored secret")
	if err != nil {
		return none, err
	}
	for _, subject := range b.args.OIDCSubjects {
		name := subjectName(subject)
		_, err := azuread.NewApplicationFederatedIdentityCredential(b.ctx, b.child("deployer-"+name), &azuread.ApplicationFederatedIdentityCredentialArgs{
			ApplicationId: deployer.application.ID(),
			DisplayName:   pulumi.String(name),
			Description:   pulumi.String("GitHub: " + shorten(subject)),
			Issuer:        pulumi.String(githubIssuer),
			Audiences:     pulumi.StringArray{pulumi.String(azureAudience)},
			Subject:       pulumi.String(subject),
		}, b.directory())
		if err != nil {
			return none, err
		}
	}
	return deployer.application.ClientId, b.deployerRoles(deployer)
}

// subjectName names a credential after its subject, so that the order of the
// list does not matter.
func subjectName(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return "github-" + hex.EncodeToString(sum[:4])
}

// shorten cuts a text to the 600 characters that a description may have.
func shorten(text string) string {
	const longest = 590
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") // a letter may be cut in two
	}
	return text
}
