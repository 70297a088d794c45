// Package delivery hands on the results of the other layers: always as outputs of the
// Pulumi stack, and also as Actions secrets and variables of the two repositories when a
// GitHub owner is configured.
package delivery

import (
	"regexp"
	"strings"

	"averazure/internal/settings"
)

// Config is the part of the configuration that this layer reads.
type Config struct {
	// GithubOwner is the user or organisation that owns the repositories; empty
	// leaves GitHub alone.
	GithubOwner string
	// CodeRepo is the repository with the sources, without its owner.
	CodeRepo string
	// StackRepo is the repository with the stack file, without its owner.
	StackRepo string
	// StackRepoApp is the client id of a GitHub App as which code-repo pushes to
	// StackRepo; empty for a deploy key or a token.
	StackRepoApp string
	// StackRepoEnvironment holds StackRepo's secrets; empty keeps them in the
	// repository itself.
	StackRepoEnvironment string
}

// Defaults leaves GitHub alone.
func Defaults() Config { return Config{StackRepoEnvironment: "deploy"} }

// The names that GitHub accepts, according to
// https://docs.github.com/en/get-started/learning-about-github/types-of-github-accounts
// and the form for a new repository.
var (
	owners    = regexp.MustCompile(`^[A-Za-z0-9]([-_]?[A-Za-z0-9]){0,38}$`) // accounts that an enterprise manages have a _
	repoNames = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	apps      = regexp.MustCompile(`^[A-Za-z0-9.]{1,40}$`)
)

// isName tells whether a repository or an environment can have that name. A name of dots
// alone would change the path of the request to GitHub's API.
func isName(text string) bool { return repoNames.MatchString(text) && strings.Trim(text, ".") != "" }

// Validate reports every problem, each with its key. hasToken says whether
// averazure:stackRepoToken is set.
func (c Config) Validate(hasToken bool) []error {
	var problems []error
	switch {
	case c.GithubOwner == "" && (c.CodeRepo != "" || c.StackRepo != ""):
		problems = append(problems, settings.Problemf("githubOwner", "missing; set the user or organisation that owns averazure:codeRepo and averazure:stackRepo"))
	case c.GithubOwner != "" && c.CodeRepo == "" && c.StackRepo == "":
		problems = append(problems, settings.Problemf("githubOwner", "%q is set without a repository; set averazure:codeRepo, averazure:stackRepo or both", c.GithubOwner))
	case c.GithubOwner != "" && !owners.MatchString(c.GithubOwner):
		problems = append(problems, settings.Problemf("githubOwner", "%q is not the name of a GitHub user or organisation; write it as in https://github.com/NAME", c.GithubOwner))
	}
	if c.CodeRepo != "" && strings.EqualFold(c.CodeRepo, c.StackRepo) {
		problems = append(problems, settings.Problemf("stackRepo", "%q is also averazure:codeRepo; the deploy key must not be where the code is", c.StackRepo))
	}
	for _, r := range []struct{ key, name string }{{"codeRepo", c.CodeRepo}, {"stackRepo", c.StackRepo}} {
		if r.name != "" && (!isName(r.name) || strings.HasSuffix(r.name, ".git")) {
			problems = append(problems, settings.Problemf(r.key, "%q is not the name of a repository; write it without the owner and without .git", r.name))
		}
	}
	return append(problems, c.validateStackRepo(hasToken)...)
}

// validateStackRepo checks how the two repositories reach each other.
func (c Config) validateStackRepo(hasToken bool) []error {
	var problems []error
	add := func(key, format string, args ...any) {
		problems = append(problems, settings.Problemf(key, format, args...))
	}
	both := c.CodeRepo != "" && c.StackRepo != ""
	switch {
	case hasToken && !both:
		add("stackRepoToken", "set, but not used; set averazure:codeRepo and averazure:stackRepo too")
	case c.StackRepoApp != "" && !both:
		add("stackRepoApp", "set, but not used; set averazure:codeRepo and averazure:stackRepo too")
	case c.StackRepoApp != "" && !apps.MatchString(c.StackRepoApp):
		add("stackRepoApp", "%q is not the client id of a GitHub App (Iv23li...), which the App's settings page shows", c.StackRepoApp)
	case c.StackRepoApp != "" && hasToken:
		add("stackRepoApp", "set to %q together with averazure:stackRepoToken; keep one of them", c.StackRepoApp)
	}
	if c.StackRepoEnvironment != "" && !isName(c.StackRepoEnvironment) {
		add("stackRepoEnvironment", "%q: name an environment with letters, digits, dots, hyphens and underscores, 100 at most, or leave it empty", c.StackRepoEnvironment)
	}
	return problems
}
