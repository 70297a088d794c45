package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// environments are those of this repository's workflows. Only runs of main read the secrets
// of an environment, and `production` asks for approval before a run starts.
var environments = []string{production, "drift"}

const production = "production"

// repository is what GitHub reports about one repository.
type repository struct {
	CloneURL string `json:"clone_url"`
	Private  bool
}

// repositories makes the missing repositories, as private ones.
func (s *setup) repositories() error {
	var there []struct{ Name string }
	if err := s.askJSON(&there, "gh", "repo", "list", s.owner, "--limit", "1000", "--json", "name"); err != nil {
		return err
	}
	for _, name := range []string{s.infraRepo, s.codeRepo, s.stackRepo} {
		if !slices.ContainsFunc(there, func(r struct{ Name string }) bool { return strings.EqualFold(r.Name, name) }) {
			if err := s.do("make the repository "+s.owner+"/"+name+", private", "gh", "repo", "create", s.owner+"/"+name, "--private"); err != nil {
				return err
			}
			if s.dry {
				s.private[name] = true
				continue
			}
		}
		var found repository
		if err := s.askJSON(&found, "gh", "api", "repos/"+s.owner+"/"+name); err != nil {
			return err
		}
		s.remotes[name], s.private[name] = found.CloneURL, found.Private
	}
	return s.deployKeys()
}

// deployKeys finds out early whether `pulumi up` would fail to make deploy keys.
func (s *setup) deployKeys() error {
	var owner struct {
		Type string
		Keys *bool `json:"deploy_keys_enabled_for_repositories"`
	}
	if err := s.askJSON(&owner, "gh", "api", "users/"+s.owner); err != nil || owner.Type != "Organization" {
		return err
	}
	if err := s.askJSON(&owner, "gh", "api", "orgs/"+s.owner); err != nil {
		return err
	}
	if owner.Keys != nil && !*owner.Keys {
		s.say("note   %s forbids deploy keys: allow them in the organisation's settings, or see \"How code-repo pushes to stack-repo\" in docs/delivery.md before `pulumi up`", s.owner)
	}
	return nil
}

// withoutEnvironments tells whether GitHub offers no environments for a repository. That is
// so for a private one on the plan Free. GitHub reports the plan only to users who may know
// it.
func (s *setup) withoutEnvironments(name string) (bool, error) {
	if !s.private[name] {
		return false, nil
	}
	path := "orgs/" + s.owner
	if strings.EqualFold(s.owner, s.login) {
		path = "user"
	}
	var owner struct{ Plan struct{ Name string } }
	err := s.askJSON(&owner, "gh", "api", path)
	return owner.Plan.Name == "free", err
}

// subjectPrefix is how GitHub's tokens for runs of this repository begin.
func (s *setup) subjectPrefix() (string, error) {
	usual := "repo:" + s.owner + "/" + s.infraRepo
	if s.remotes[s.infraRepo] == "" {
		return usual, nil // a dry run: the repository does not exist yet, so it cannot be asked
	}
	var customization struct {
		Prefix string `json:"sub_claim_prefix"`
	}
	err := s.askJSON(&customization, "gh", "api", "repos/"+s.owner+"/"+s.infraRepo+"/actions/oidc/customization/sub")
	if customization.Prefix == "" {
		return usual, err
	}
	return customization.Prefix, err
}

const stackFile = "repos/stack-repo/stack.yml"

// workflows gives this repository's own workflows access, once `pulumi up` has made the
// identity that they sign in with.
func (s *setup) workflows() error {
	deployer, err := s.deployer()
	if err != nil || deployer == "" {
		return err
	}
	object, err := s.ask("az", "ad", "sp", "show", "--id", deployer, "--query", "id", "--output", "tsv")
	if err != nil {
		return err
	}
	for _, right := range []struct{ role, scope string }{
		{"Storage Blob Data Contributor", s.accountScope()}, {"Key Vault Crypto User", s.vaultScope()},
	} {
		if err := s.role(true, object, "ServicePrincipal", right.role, right.scope); err != nil {
			return err
		}
	}
	for _, name := range environments {
		if err := s.environment(name); err != nil {
			return err
		}
	}
	return s.variables(deployer)
}

func (s *setup) infra() string { return s.owner + "/" + s.infraRepo }

// environment makes an environment that only runs of main can use.
func (s *setup) environment(name string) error {
	path := "repos/" + s.infra() + "/environments"
	var found struct {
		Environments []struct{ Name string }
	}
	if err := s.askJSON(&found, "gh", "api", path); err != nil {
		return err
	}
	there := slices.ContainsFunc(found.Environments, func(e struct{ Name string }) bool { return e.Name == name })
	path += "/" + name
	if !there {
		if err := s.newEnvironment(name, path); err != nil {
			return err
		}
	}
	there = there || !s.dry
	if err := s.onlyMain(name, path+"/deployment-branch-policies", there); err != nil {
		return err
	}
	return s.deliveryToken(name, there)
}

// onlyMain keeps runs of other branches out of an environment.
func (s *setup) onlyMain(name, path string, there bool) error {
	var policies struct {
		Branches []struct{ Name string } `json:"branch_policies"`
	}
	if there {
		if err := s.askJSON(&policies, "gh", "api", path); err != nil {
			return err
		}
	}
	if len(policies.Branches) > 0 {
		return nil
	}
	return s.do("let runs of main, and no others, into "+name, "gh", "api", "--method", "POST", path, "--raw-field", "name=main")
}

func (s *setup) newEnvironment(name, path string) error {
	type reviewer struct {
		Type string `json:"type"`
		ID   int    `json:"id"`
	}
	rules := map[string]any{"deployment_branch_policy": map[string]bool{"protected_branches": false, "custom_branch_policies": true}}
	what := "make the environment " + name + " of " + s.infra()
	if name == production && s.reviewers {
		rules["reviewers"] = []reviewer{{"User", s.loginID}}
		what += ", which asks " + s.login + " first"
	}
	body, err := json.Marshal(rules)
	if err != nil {
		return err
	}
	if err := s.doWith(what, string(body), "gh", "api", "--method", "PUT", path, "--input", "-"); err != nil {
		return fmt.Errorf("%w\ndocs/delivery.md says which plans of GitHub have environments and reviewers; `--reviewers=false` goes without reviewers", err)
	}
	return nil
}

// deliveryToken asks for the token with which a workflow looks after the two other
// repositories.
func (s *setup) deliveryToken(environment string, there bool) error {
	const secret = "DELIVERY_TOKEN"
	if there {
		var secrets []struct{ Name string }
		if err := s.askJSON(&secrets, "gh", "secret", "list", "--repo", s.infra(), "--env", environment, "--json", "name"); err != nil {
			return err
		}
		if slices.ContainsFunc(secrets, func(found struct{ Name string }) bool { return found.Name == secret }) {
			return nil
		}
	}
	right := "reads"
	if environment == production {
		right = "writes"
	}
	what := fmt.Sprintf("ask you for the token that %s in %s/%s and %[2]s/%[4]s, and keep it as %[5]s of %[6]s", right, s.owner, s.codeRepo, s.stackRepo, secret, environment)
	return s.change(what, func() error {
		token, err := s.in.secret(secret + " of " + environment)
		if err != nil {
			return err
		}
		_, err = s.call(strings.NewReader(token), "gh", "secret", "set", secret, "--repo", s.infra(), "--env", environment)
		return err
	})
}

// variables sets the variables that the workflows read. AZURE_CLIENT_ID comes last, since
// it switches the workflows on.
func (s *setup) variables(deployer string) error {
	var found []struct{ Name, Value string }
	if err := s.askJSON(&found, "gh", "variable", "list", "--repo", s.infra(), "--json", "name,value"); err != nil {
		return err
	}
	values := map[string]string{}
	for _, one := range found {
		values[one.Name] = one.Value
	}
	wanted := [][2]string{
		{"AZURE_TENANT_ID", s.tenant}, {"AZURE_SUBSCRIPTION_ID", s.subscription},
		{"PULUMI_STACK", s.stack}, {"PULUMI_BACKEND_URL", s.backend()}, {"AZURE_CLIENT_ID", deployer},
	}
	if !s.reviewers {
		wanted = append([][2]string{{"ALLOW_UNPROTECTED_PRODUCTION", "true"}}, wanted...)
	}
	for _, one := range wanted {
		if values[one[0]] == one[1] {
			continue
		}
		if err := s.do(fmt.Sprintf("set the variable %s of %s", one[0], s.infra()), "gh", "variable", "set", one[0], "--repo", s.infra(), "--body", one[1]); err != nil {
			return err
		}
	}
	return nil
}
