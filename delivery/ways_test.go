package delivery

import (
	"slices"
	"strings"
	"testing"

	"averazure/internal/recorder"
	"averazure/internal/registry"
)

func with(c Config, change func(*Config)) Config {
	change(&c)
	return c
}

// made runs the layer and returns what it registered.
func made(t *testing.T, args Args) *recorder.Recorder {
	t.Helper()
	r := &recorder.Recorder{}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	return r
}

// namesIn are the secrets and variables that a repository gets.
func namesIn(r *recorder.Recorder, repository string) []string {
	var list []string
	for _, token := range []string{secretType, variableType, environmentSecretType} {
		for _, res := range r.OfType(token) {
			if recorder.At(res.Inputs, "repository") != repository {
				continue
			}
			for _, key := range []string{"secretName", "variableName"} {
				if name, ok := recorder.At(res.Inputs, key).(string); ok {
					list = append(list, name)
				}
			}
		}
	}
	return list
}

// Only the configured way from code-repo to stack-repo is open.
func TestWaysIntoStackRepo(t *testing.T) {
	ways := []string{"STACK_REPO_KEY", "STACK_REPO_TOKEN", "STACK_REPO_APP_ID"}
	for name, test := range map[string]struct {
		adapt func(*Args)
		want  string
		keys  int
	}{
		"deploy key": {func(*Args) {}, "STACK_REPO_KEY", 1},
		"token":      {func(a *Args) { a.StackRepoToken = secret("stack-repo-token-value") }, "STACK_REPO_TOKEN", 0},
		"app":        {func(a *Args) { a.StackRepoApp = "Iv23liABCdef" }, "STACK_REPO_APP_ID", 0},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments(both)
			test.adapt(&args)
			r := made(t, args)
			got := slices.DeleteFunc(namesIn(r, "code"), func(name string) bool { return !slices.Contains(ways, name) })
			if !slices.Equal(got, []string{test.want}) {
				t.Errorf("code-repo gets %q, want %s", got, test.want)
			}
			for _, token := range []string{deployKeyType, "tls:index/privateKey:PrivateKey"} {
				if n := len(r.OfType(token)); n != test.keys {
					t.Errorf("%d of %s, want %d", n, token, test.keys)
				}
			}
			if leaks := r.Leaks("stack-repo-token-value"); len(leaks) > 0 {
				t.Errorf("the token in plain text: %q", leaks)
			}
		})
	}
}

// Only code-repo gets the token that pushes an image, and with ghcr.io no repository gets
// it.
func TestOnlyWhoPushesGetsTheTokenThatPushes(t *testing.T) {
	for server, want := range map[string][]string{"registry.example": {"code"}, registry.GHCR: nil} {
		args := arguments(both)
		args.Push.Server, args.Pull.Server = server, server
		r := made(t, args)
		var got []string
		for _, res := range append(r.OfType(secretType), r.OfType(environmentSecretType)...) {
			if recorder.At(res.Inputs, "plaintextValue") == "push-token-value" {
				got = append(got, recorder.At(res.Inputs, "repository").(string))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the token that pushes is in %q, want %q", server, got, want)
		}
		if name := r.Get(variableType, "aver-acme-stack-registry-username"); recorder.At(name.Inputs, "value") != "reader" {
			t.Errorf("%s: stack-repo pulls as %v", server, recorder.At(name.Inputs, "value"))
		}
		if recorder.At(r.Exports(), "registryToken") != "pull-token-value" || recorder.At(r.Exports(), "registryUsername") != "reader" {
			t.Errorf("%s: the outputs have another login than the one that pulls", server)
		}
	}
}

// The environment has its branch rule before it holds a secret.
func TestEnvironmentIsClosedBeforeItHoldsASecret(t *testing.T) {
	r := made(t, arguments(both))
	environment, rule := r.OfType(environmentType), r.OfType(branchRuleType)
	if len(environment) != 1 || len(rule) != 1 {
		t.Fatalf("%d environments, %d branch rules", len(environment), len(rule))
	}
	if recorder.At(environment[0].Inputs, "deploymentBranchPolicy.customBranchPolicies") != true ||
		recorder.At(environment[0].Inputs, "deploymentBranchPolicy.protectedBranches") != false ||
		recorder.At(rule[0].Inputs, "branchPattern") != "main" {
		t.Errorf("environment %v, rule %v", environment[0].Inputs, rule[0].Inputs)
	}
	secrets := r.OfType(environmentSecretType)
	if len(secrets) != 4 {
		t.Errorf("%d secrets are in the environment", len(secrets))
	}
	for _, s := range secrets {
		if !slices.Contains(s.Request.Dependencies, rule[0].URN) || recorder.At(s.Inputs, "environment") != "deploy" {
			t.Errorf("%s in %v waits for %q only", s.Name, recorder.At(s.Inputs, "environment"), s.Request.Dependencies)
		}
	}
	for _, byHand := range []string{"reviewers", "waitTimer", "preventSelfReview", "canAdminsBypass"} {
		if ignored := environment[0].Request.IgnoreChanges; !slices.Contains(ignored, byHand) {
			t.Errorf("%s that somebody sets would be taken away; ignored are %q", byHand, ignored)
		}
	}
}

func TestWithoutAnEnvironmentTheRepositoryHoldsTheSecrets(t *testing.T) {
	r := made(t, arguments(with(both, func(c *Config) { c.StackRepoEnvironment = "" })))
	for _, token := range []string{environmentType, branchRuleType, environmentSecretType} {
		if len(r.OfType(token)) > 0 {
			t.Errorf("%s is registered", token)
		}
	}
	got := strings.Join(namesIn(r, "stack"), " ")
	for _, want := range []string{"GHCR_TOKEN", "MANAGER_IP", "MANAGERS", "SSH_PRIVATE_KEY"} {
		if !strings.Contains(got, want) {
			t.Errorf("stack-repo has no %s: %s", want, got)
		}
	}
	if strings.Contains(got, "DEPLOY_ENVIRONMENT") {
		t.Error("the workflow is told of an environment that is not there")
	}
}

// For another environment, everything is made there before it is removed from the old one.
func TestAnotherEnvironmentIsAnotherSet(t *testing.T) {
	urns := func(environment string) map[string]bool {
		r := made(t, arguments(with(both, func(c *Config) { c.StackRepoEnvironment = environment })))
		set := map[string]bool{}
		for _, token := range []string{environmentType, branchRuleType, environmentSecretType} {
			for _, res := range r.OfType(token) {
				set[res.URN] = true
			}
		}
		return set
	}
	first := urns("deploy")
	for urn := range urns("live") {
		if first[urn] {
			t.Errorf("%s is of both environments", urn)
		}
	}
}

// For certain errors of GitHub, as its provider passes them on, the program names the
// setting that helps. It adds nothing to other errors.
func TestRefusalsNameTheWayOut(t *testing.T) {
	for name, test := range map[string]struct{ fails, says, names string }{
		"no deploy keys": {deployKeyType, "POST https://api.github.com/repos/acme/stack/keys: 422 Validation Failed [{Resource:PublicKey Field: Code:custom Message:Deploy keys are disabled for this repository}]", "averazure:stackRepoToken"},
		"a taken key":    {deployKeyType, "POST https://api.github.com/repos/acme/stack/keys: 422 Validation Failed [{Resource:PublicKey Field:key Code:custom Message:key is already in use}]", ""},
		"Free":           {environmentType, "PUT https://api.github.com/repos/acme/stack/environments/deploy: 404 Not Found []", "averazure:stackRepoEnvironment"},
		"Team":           {environmentType, "PUT https://api.github.com/repos/acme/stack/environments/deploy: 422 Failed to create the environment protection rule. Please ensure the billing plan supports the required reviewers protection rule. []", "averazure:stackRepoEnvironment"},
		"404 in a name":  {environmentType, "PUT https://api.github.com/repos/acme/page-404/environments/deploy: 403 Resource not accessible by personal access token []", ""},
		"no right":       {environmentType, "PUT https://api.github.com/repos/acme/stack/environments/deploy: 403 Resource not accessible by personal access token []", ""},
	} {
		r := &recorder.Recorder{Fail: test.fails, FailWith: test.says}
		if err := run(t, r, arguments(both)); err == nil {
			t.Errorf("%s: the program went on", name)
		}
		logs := strings.Join(r.Logs(), "\n")
		if test.names == "" && logs != "" || !strings.Contains(logs, test.names) {
			t.Errorf("%s: the messages are %q, want one that names %q", name, logs, test.names)
		}
	}
}
