package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// freePlan is the plan whose private repositories have no environments.
const freePlan = "free"

// ownerRules are the owner's settings and plan, in the form of GitHub's answer about an
// organisation (GET /orgs/{org}). The sandbox reads them from <state
// directory>/github/<owner>.json; without the file everything is allowed. All
// repositories are private.
type ownerRules struct {
	DeployKeys *bool `json:"deploy_keys_enabled_for_repositories"`
	Plan       struct {
		Name string `json:"name"`
	} `json:"plan"`
}

// ownerRules are the rules of the owner of the operation's repository.
func (op *operation) ownerRules() (ownerRules, error) {
	var rules ownerRules
	file := filepath.Join(op.stateDir, "github", text(op.inputs, ownerInput)+".json")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return rules, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &rules)
	}
	if err != nil {
		return rules, fmt.Errorf("read the rules of the GitHub owner: %w", err)
	}
	return rules, nil
}

// judgeDeployKeyPolicy refuses deploy keys if the organisation forbids them, which is the
// default of organisations created since 2025.
// https://docs.github.com/organizations/managing-organization-settings/restricting-deploy-keys-in-your-organization
func judgeDeployKeyPolicy(op *operation) error {
	rules, err := op.ownerRules()
	if err != nil {
		return err
	}
	if rules.DeployKeys != nil && !*rules.DeployKeys {
		return op.refuse("422", "Validation Failed [{Resource:PublicKey Field: Code:custom Message:Deploy keys are disabled for this repository}]")
	}
	return nil
}
