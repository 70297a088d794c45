package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// setup is one run: who runs it, and what it found out on the way.
type setup struct {
	*options
	shell
	subscription, tenant string
	person, personType   string // person: object ID in Entra of the person or principal that is signed in; personType: User or ServicePrincipal
	login                string // the GitHub login of the person who is signed in
	loginID              int
	remotes              map[string]string // where a repository is pushed to, by its name
	private              map[string]bool
	stackThere           bool
}

// tools are the programs that have to be there, and where they come from.
var tools = []struct{ name, from string }{
	{"az", "https://learn.microsoft.com/cli/azure/install-azure-cli"},
	{"gh", "https://cli.github.com"},
	{"git", "https://git-scm.com"},
	{"go", "https://go.dev/dl"},
	{"pulumi", "https://www.pulumi.com/docs/install"},
}

// check names everything that is missing before the first question: programs and logins.
func (s *setup) check() error {
	var problems []error
	if _, err := os.Stat("Pulumi.yaml"); err != nil {
		problems = append(problems, fmt.Errorf("run this in the directory of Pulumi.yaml: %w", err))
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.name); err != nil {
			problems = append(problems, fmt.Errorf("%s is not installed: %s", tool.name, tool.from))
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	return errors.Join(s.azureLogin(), s.githubLogin())
}

func (s *setup) azureLogin() error {
	var account struct {
		ID, Name, TenantID string
		User               struct{ Name, Type string }
	}
	if err := s.askJSON(&account, "az", "account", "show", "--output", "json"); err != nil {
		return fmt.Errorf("not signed in to Azure, run `az login`: %w", err)
	}
	s.subscription, s.tenant = account.ID, account.TenantID
	s.say("Azure subscription: %s (%s); `az account set --subscription ID` takes another one", account.Name, account.ID)
	s.personType = "User"
	who := []string{"ad", "signed-in-user", "show"}
	if account.User.Type == "servicePrincipal" {
		s.personType = "ServicePrincipal"
		who = []string{"ad", "sp", "show", "--id", account.User.Name}
	}
	var err error
	s.person, err = s.ask("az", append(who, "--query", "id", "--output", "tsv")...)
	return err
}

func (s *setup) githubLogin() error {
	var user struct {
		Login string
		ID    int
	}
	if err := s.askJSON(&user, "gh", "api", "user"); err != nil {
		return fmt.Errorf("not signed in to GitHub, run `gh auth login --scopes workflow`: %w", err)
	}
	s.login, s.loginID = user.Login, user.ID
	s.say("GitHub account: %s; repositories: %s/%s, %[2]s/%[4]s, %[2]s/%[5]s", s.login, s.owner, s.infraRepo, s.codeRepo, s.stackRepo)
	return nil
}

// all is everything in order: each part needs those before it.
func (s *setup) all() error {
	s.remotes, s.private = map[string]string{}, map[string]bool{}
	for _, part := range []func() error{s.providers, s.state, s.pulumiStack, s.repositories, s.settings, s.push, s.workflows} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// next says what the user does now.
func (s *setup) next() error {
	deployer, err := s.deployer()
	switch {
	case err != nil:
		return err
	case deployer == "":
		s.say("next: pulumi up --stack %s", s.stack)
		return nil
	}
	deployed, err := s.hasDeployed()
	if err != nil {
		return err
	}
	if !deployed {
		s.say("next: gh workflow run build.yml --repo %s/%s; run this again when %[1]s/%[3]s has deployed", s.owner, s.codeRepo, s.stackRepo)
		return nil
	}
	s.say("next: gh workflow run deploy.yml --repo %s/%s, and approve it", s.owner, s.infraRepo)
	return nil
}

// unique is a name that nobody else in Azure has, and that a second run finds again.
func (s *setup) unique(prefix string) string {
	sum := sha256.Sum256([]byte(s.subscription))
	return fmt.Sprintf("%s%x", prefix, sum[:6])
}

func one(answer string) bool { return strings.TrimSpace(answer) == "1" }
