package repos

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeEnvironments answers for the environment as gh does: with the result of jq for the
// rules in a file, or with an error from the file.
const fakeEnvironments = `#!/bin/bash
[[ "$1 $2 $3" == "api repos/acme/infra/environments/production --jq" ]] || { echo "what is asked? $*" >&2; exit 1; }
if grep -q HTTP "$HOME/answer"; then echo '{"message": "no", "protection_rules": []}'; cat "$HOME/answer" >&2; exit 1; fi
echo "A new release of gh is available" >&2
jq -r "$4" "$HOME/answer"
`

func TestGate(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("needs jq")
	}
	const (
		// The form of https://docs.github.com/rest/deployments/environments#get-an-environment
		none      = `{"name": "production", "protection_rules": [], "deployment_branch_policy": null}`
		branch    = `{"name": "production", "protection_rules": [{"id": 1, "type": "branch_policy"}]}`
		reviewers = `{"name": "production", "protection_rules": [{"id": 1, "type": "branch_policy"}, {"id": 2, "type": "required_reviewers", "reviewers": []}]}`
		missing   = "gh: Not Found (HTTP 404)"
		forbidden = "gh: Resource not accessible by integration (HTTP 403)"
	)
	for name, test := range map[string]struct {
		answer, allow string
		status        int
		says          string
	}{
		"reviewers":             {reviewers, "", 0, "required_reviewers"},
		"reviewers, and told":   {reviewers, "true", 0, "required_reviewers"},
		"nothing":               {none, "", 1, "ALLOW_UNPROTECTED_PRODUCTION"},
		"a branch rule alone":   {branch, "", 1, "ALLOW_UNPROTECTED_PRODUCTION"},
		"told that it is meant": {branch, "true", 0, "ALLOW_UNPROTECTED_PRODUCTION"},
		"told something else":   {branch, "yes", 1, "ALLOW_UNPROTECTED_PRODUCTION"},
		"no environment":        {missing, "", 1, "ALLOW_UNPROTECTED_PRODUCTION"},
		"none, and meant":       {missing, "true", 0, "ALLOW_UNPROTECTED_PRODUCTION"},
		"nobody can tell":       {forbidden, "true", 1, "HTTP 403"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("gh", fakeEnvironments, 0o755)
			b.write("answer", test.answer, 0o644)
			path, err := filepath.Abs("../.github/scripts/gate.sh")
			if err != nil {
				t.Fatal(err)
			}
			command := exec.Command(path)
			command.Dir, command.Env = b.dir, append(b.env, "REPOSITORY=acme/infra", "ALLOW="+test.allow)
			output, _ := command.CombinedOutput()
			if status := command.ProcessState.ExitCode(); status != test.status {
				t.Errorf("status %d, want %d\n%s", status, test.status, output)
			}
			if summary := b.read("summary"); !strings.Contains(summary, test.says) || strings.Contains(summary, "docs/delivery.md") != (test.status == 1 && test.answer != forbidden) {
				t.Errorf("the summary is %q", summary)
			}
		})
	}
}

// The job that deploys waits for the gate, and the gate checks the environment of that job.
func TestGateRunsBeforeEveryDeployment(t *testing.T) {
	workflow, _ := parse(t, "../.github/workflows/deploy.yml")
	up := jobs(workflow)["up"].(object)
	if up["needs"] != "gate" {
		t.Errorf("up needs %v", up["needs"])
	}
	for _, step := range steps(jobs(workflow)["gate"]) {
		if env, ok := step.(object)["env"].(object); ok && env["ENVIRONMENT"] != up["environment"] {
			t.Errorf("the gate looks at %v, up is in %v", env["ENVIRONMENT"], up["environment"])
		}
	}
}
