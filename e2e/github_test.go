package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// rule sets what an owner on the sandbox's GitHub allows.
func rule(t *testing.T, owner, rules string) {
	t.Helper()
	file := filepath.Join(box.stateDir(), "github", owner+".json")
	t.Cleanup(func() { os.Remove(file) })
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustBeRefused runs an up, which has to fail and to name the setting that helps.
func mustBeRefused(t *testing.T, names string, args ...string) {
	t.Helper()
	out, err := box.run(context.Background(), 5*time.Minute, append([]string{"up"}, args...)...)
	if err == nil {
		t.Fatal("up went through")
	}
	mustSay(t, out, names)
}

// TestLongStrictOrganisationIsDeliveredTo follows a user whose organisation forbids deploy
// keys, or whose plan also lacks environments for private repositories: each refusal names
// the setting that helps, and with both settings it works.
func TestLongStrictOrganisationIsDeliveredTo(t *testing.T) {
	isLong(t)
	const keyless, owner = "keyless-org", "strict-org"
	there := []string{"--config", "averazure:githubOwner=" + owner}
	t.Cleanup(func() {
		box.mustRun(t, "pulumi", "--", "config", "rm", "averazure:stackRepoToken")
		box.mustRun(t, "up", "--config", "averazure:stackRepoEnvironment=deploy")
		box.forget()
	})
	rule(t, keyless, `{"deploy_keys_enabled_for_repositories": false}`)
	mustBeRefused(t, "averazure:stackRepoToken", "--config", "averazure:githubOwner="+keyless)
	box.mustRun(t, "pulumi", "--", "config", "set", "--secret", "averazure:stackRepoToken", "token-for-stack-repo")
	rule(t, owner, `{"deploy_keys_enabled_for_repositories": false, "plan": {"name": "free"}}`)
	mustBeRefused(t, "averazure:stackRepoEnvironment", there...)

	box.mustRun(t, append([]string{"up", "--config", "averazure:stackRepoEnvironment="}, there...)...)
	box.forget()
	code, stack := deliveredTo(t, owner+"/code-repo"), deliveredTo(t, owner+"/stack-repo")
	if code["secrets.STACK_REPO_TOKEN"] != "token-for-stack-repo" || code["secrets.STACK_REPO_KEY"] != "" {
		t.Errorf("code-repo has %q", names(code))
	}
	if stack["secrets.SSH_PRIVATE_KEY"] != box.outputs(t).DeployPrivateKey || stack["vars.DEPLOY_ENVIRONMENT"] != "" {
		t.Errorf("stack-repo has %q", names(stack))
	}
	p := newPipeline(t, owner)
	p.say(t, "Hello without a deploy key")
	if log := p.mustRelease(t).log.String(); !strings.Contains(log, "stack-repo with secrets.STACK_REPO_TOKEN\n") {
		t.Errorf("code-repo logs in to stack-repo with something else:\n%s", log)
	}
	p.mustDeploy(t)
	message(t, "Hello without a deploy key")
}

// TestSecretsOfStackRepoAreForRunsOfMain: a workflow on another branch, which everybody who
// can push may write, gets none of the secrets.
func TestSecretsOfStackRepoAreForRunsOfMain(t *testing.T) {
	d := delivered(t, "stack-repo")
	if d["environments.deploy.branches"] != "main" {
		t.Errorf("the environment is open to %q", d["environments.deploy.branches"])
	}
	if slices.ContainsFunc(names(d), func(name string) bool { return strings.HasPrefix(name, "secrets.") }) {
		t.Errorf("every branch reads some of %q", names(d))
	}
	p := newPipeline(t, owner)
	r := p.newRun(t, "stack-repo", p.head(t, "stack-repo"))
	r.values["github.ref"] = "refs/heads/theirs"
	if err := p.deploy(r); err == nil || r.log.String() != "" {
		t.Errorf("a run of another branch ends with %v\n%s", err, r.log)
	}
}

// TestCodeRepoPushesToStackRepoAsAnApp tries the third way, for which the App's private key
// is set by hand.
func TestCodeRepoPushesToStackRepoAsAnApp(t *testing.T) {
	p := newPipeline(t, owner)
	r := p.newRun(t, "code-repo", p.head(t, "code-repo"))
	delete(r.values, "secrets.STACK_REPO_KEY")
	if err := p.release(r); err == nil {
		t.Errorf("without any login stack-repo is pushed to:\n%s", r.log)
	}
	r = p.newRun(t, "code-repo", p.head(t, "code-repo"))
	delete(r.values, "secrets.STACK_REPO_KEY")
	r.values["vars.STACK_REPO_APP_ID"], r.values["secrets.STACK_REPO_APP_KEY"] = "Iv23liABCdef", "private-key"
	if err := p.release(r); err != nil {
		t.Fatalf("%v\n%s", err, r.log)
	}
	mustSay(t, r.log.String(), "stack-repo with steps.app.outputs.token\n")
}
