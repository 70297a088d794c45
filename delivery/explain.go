package delivery

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// keyRefused explains GitHub's error about a deploy key in an organisation that allows
// none. Organisations made since 2025 allow none unless an owner changes it.
// https://docs.github.com/organizations/managing-organization-settings/restricting-deploy-keys-in-your-organization
func (c Config) keyRefused(failed *pulumi.ErrorHookArgs) string {
	if !strings.Contains(failed.Errors[0], "Deploy keys are disabled") {
		return ""
	}
	return fmt.Sprintf("the organisation %s forbids deploy keys: let code-repo push to %s with a token (`pulumi config set --secret averazure:stackRepoToken`) "+
		"or as a GitHub App (averazure:stackRepoApp), or allow deploy keys in the organisation's settings; docs/delivery.md compares the three ways", c.GithubOwner, c.StackRepo)
}

// notFound matches GitHub's answer, and not a number in some name.
var notFound = regexp.MustCompile(`: 404:? Not Found`)

// environmentRefused explains the two answers for a plan that lacks what is asked
// for: 404 where private repositories have no environments at all, and 422 where
// they have fewer rules (CreateUpdateEnvironment in google/go-github,
// github/repos_environments.go).
func (c Config) environmentRefused(failed *pulumi.ErrorHookArgs) string {
	if !notFound.MatchString(failed.Errors[0]) && !strings.Contains(failed.Errors[0], "billing plan") {
		return ""
	}
	return fmt.Sprintf("%s/%s has no environment %s: private repositories have none on GitHub Free; `pulumi config set averazure:stackRepoEnvironment \"\"` "+
		"keeps the secrets in the repository, where a workflow on any branch can read them. On another plan GitHub shows the repository "+
		"to a token with the permission Administration: write only", c.GithubOwner, c.StackRepo, c.StackRepoEnvironment)
}
