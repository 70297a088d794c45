package azure

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var (
	someEnvironment = object{"repository": "stack-repo", "environment": "deploy",
		"deploymentBranchPolicy": object{"protectedBranches": false, "customBranchPolicies": true}}
	somePolicy = object{"repository": "stack-repo", "environment": "deploy", "branchPattern": "main"}
	envSecret  = object{"repository": "stack-repo", "environment": "Deploy", "secretName": "token", "plaintextValue": "s3cr3t-value"}
)

func TestEnvironmentHoldsSecretsForItsBranches(t *testing.T) {
	w := newWorld(t)
	w.refused("404", "ActionsEnvironmentSecret", "", envSecret)
	w.refused("404", "RepositoryEnvironmentDeploymentPolicy", "", somePolicy)
	environment := w.create("RepositoryEnvironment", "deploy", someEnvironment)
	policy := w.create("RepositoryEnvironmentDeploymentPolicy", "main", somePolicy)
	secret := w.create("ActionsEnvironmentSecret", "token", envSecret)
	got := w.delivered("stack-repo").Environments["deploy"]
	if got == nil || got.Secrets["TOKEN"] != "s3cr3t-value" || !got.Rules || !slices.Equal(got.Branches, []string{"main"}) {
		t.Fatalf("delivered is %+v", got)
	}
	if len(w.delivered("stack-repo").Secrets) > 0 {
		t.Error("the repository has the secret too")
	}
	if environment.id != "stack-repo:deploy" || secret.id != "stack-repo:Deploy:token" {
		t.Errorf("ids %s and %s", environment.id, secret.id)
	}
	if err := policy.update(object{"branchPattern": "live"}); err != nil {
		t.Fatal(err)
	}
	if got := w.delivered("stack-repo").Environments["deploy"].Branches; !slices.Equal(got, []string{"live"}) {
		t.Errorf("the rule lets %q in", got)
	}
	// Deleting the environment deletes its parts.
	if err := environment.delete(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*res{environment, policy, secret} {
		w.wantRefusal(r.delete(), "404", r.id)
	}
	if left := w.delivered("stack-repo").Environments; len(left) > 0 {
		t.Errorf("left is %v", left)
	}
}

func TestEnvironmentWithoutCustomRulesTakesNone(t *testing.T) {
	w := newWorld(t)
	w.create("RepositoryEnvironment", "deploy", with(someEnvironment, object{"deploymentBranchPolicy": nil}))
	w.refused("404", "RepositoryEnvironmentDeploymentPolicy", "", somePolicy)
	w.refused("exactly one of", "RepositoryEnvironmentDeploymentPolicy", "", with(somePolicy, object{"branchPattern": nil}))
	w.refused("422", "RepositoryEnvironment", "", with(someEnvironment, object{"deploymentBranchPolicy": object{"protectedBranches": true, "customBranchPolicies": true}}))
}

// The table lists which changes replace a resource, and whether the old one is deleted
// first.
func TestEnvironmentReplacements(t *testing.T) {
	w := newWorld(t)
	made := map[string]*res{
		"environment": w.create("RepositoryEnvironment", "deploy", someEnvironment),
		"policy":      w.create("RepositoryEnvironmentDeploymentPolicy", "main", somePolicy),
		"secret":      w.create("ActionsEnvironmentSecret", "token", envSecret),
	}
	for _, c := range []struct {
		name, path         string
		value              any
		replaces, oldFirst bool
	}{
		{"environment", "environment", "Deploy", true, false},
		{"environment", "waitTimer", 5.0, false, false},
		{"policy", "branchPattern", "live", false, false},
		{"policy", "environment", "live", true, false},
		{"secret", "plaintextValue", "new", true, true},
		{"secret", "environment", "live", true, true},
	} {
		d := made[c.name].diff(object{c.path: c.value})
		if len(d.Changes) == 0 || d.Changes[0].Replace != c.replaces || d.DeleteBeforeReplace != c.oldFirst {
			t.Errorf("%s.%s: %+v", c.name, c.path, d)
		}
	}
}

// Every request reads the owner's rules again.
func TestOwnersMayForbidDeployKeysAndHaveNoEnvironments(t *testing.T) {
	w := newWorld(t)
	acme, umbrella := w.githubFor()("Acme"), w.githubFor()("umbrella")
	rules := filepath.Join(filepath.Dir(w.file), "github", "acme.json")
	if err := os.MkdirAll(filepath.Dir(rules), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rules, []byte(`{"deploy_keys_enabled_for_repositories": false, "plan": {"name": "free"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	key := object{"repository": "stack-repo", "title": "pipeline", "key": testKey}
	for token, c := range map[string]struct {
		inputs object
		code   string
	}{"RepositoryDeployKey": {key, "422"}, "RepositoryEnvironment": {someEnvironment, "404"}} {
		_, _, err := acme.create(token, c.inputs)
		w.wantRefusal(err, c.code, "stack-repo")
		if _, _, err := umbrella.create(token, c.inputs); err != nil {
			t.Errorf("an owner without rules: %v", err)
		}
	}
	if err := os.Remove(rules); err != nil {
		t.Fatal(err)
	}
	if _, _, err := acme.create("RepositoryEnvironment", someEnvironment); err != nil {
		t.Error(err)
	}
}
