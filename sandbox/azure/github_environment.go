package azure

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"averazure/sandbox/plugin"
)

// Environments of repositories, their branch rules and their secrets. Replacements and
// errors follow resource_github_repository_environment.go,
// resource_github_repository_environment_deployment_policy.go and
// resource_github_actions_environment_secret.go in integrations/terraform-provider-github
// 6.6.0, on which pulumi-github 6.7.0 is based.

// Environment is what a job of the environment sees besides the repository's values.
type Environment struct {
	Secrets map[string]string `json:"secrets"`
	// Rules admits only runs of Branches; without it all runs are admitted.
	Rules    bool     `json:"rules"`
	Branches []string `json:"branches"`
}

// environmentName is the key of an environment: GitHub ignores case.
func environmentName(inputs object) string { return strings.ToLower(text(inputs, "environment")) }

// environmentOf is the id of the environment of a resource.
func environmentOf(inputs object) string {
	return repositoryOf(inputs) + ":" + text(inputs, "environment")
}

// repositoryEnvironment is created by a PUT, which also accepts an existing one. On
// GitHub Free a private repository has no environments, and the answer is 404
// (CreateUpdateEnvironment in google/go-github, github/repos_environments.go).
var repositoryEnvironment = &kind{
	tokens:   []string{"github:index/repositoryEnvironment:RepositoryEnvironment"},
	azure:    "GitHub environment",
	echo:     true,
	upsert:   true,
	required: []string{"repository", "environment"},
	replaces: []string{"repository", "environment"},
	check:    checkSecret,
	identify: func(op *operation) string { return environmentOf(op.inputs) },
	judge: func(op *operation) error {
		rules, err := op.ownerRules()
		if err != nil {
			return err
		}
		if rules.Plan.Name == freePlan {
			return op.refuse("404", "Not Found")
		}
		if policy, ok := at(op.inputs, "deploymentBranchPolicy").(object); ok && policy["protectedBranches"] == policy["customBranchPolicies"] {
			return op.refuse("422", "deployment_branch_policy: protected_branches and custom_branch_policies cannot have the same value")
		}
		return nil
	},
	complete: func(op *operation) {
		fallback(op.state, "canAdminsBypass", true)
		fallback(op.state, "preventSelfReview", false)
	},
	create: deliverEnvironment,
	change: deliverEnvironment,
	remove: func(_ context.Context, c *Cloud, e *entry) error {
		return c.changeDelivered(repositoryOf(e.Inputs), func(d *Delivered) { delete(d.Environments, environmentName(e.Inputs)) })
	},
	touches: func(r *record, e *entry) {
		if r.get(e.ID) != nil {
			return
		}
		for _, inside := range r.of("ActionsEnvironmentSecret", "RepositoryEnvironmentDeploymentPolicy") {
			if strings.EqualFold(environmentOf(inside.Inputs), e.ID) {
				r.drop(inside.ID)
			}
		}
	},
}

func deliverEnvironment(_ context.Context, op *operation) error {
	rules := at(op.inputs, "deploymentBranchPolicy") != nil
	return op.deliver(func(d *Delivered) { d.environment(op.inputs).Rules = rules })
}

// environment is the environment in the inputs; it is created if needed.
func (d *Delivered) environment(inputs object) *Environment {
	name := environmentName(inputs)
	if d.Environments[name] == nil {
		d.Environments[name] = &Environment{Secrets: map[string]string{}}
	}
	return d.Environments[name]
}

// deploymentPolicy admits runs of a branch to an environment with branch rules.
var deploymentPolicy = &kind{
	tokens:   []string{"github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"},
	azure:    "GitHub deployment branch policy",
	echo:     true,
	required: []string{"repository", "environment"},
	replaces: []string{"repository", "environment"},
	check:    checkPolicy,
	identify: func(op *operation) string {
		return environmentOf(op.inputs) + ":" + strconv.FormatUint(uint64(number32(op.urn.Name())), 10)
	},
	judge: func(op *operation) error {
		if at(op.inputs, "tagPattern") != nil {
			return op.refuse(notPlayed, "the sandbox does not support tagPattern; use branchPattern")
		}
		environment := op.record.get(environmentOf(op.inputs))
		if environment == nil || at(environment.Inputs, "deploymentBranchPolicy.customBranchPolicies") != true {
			return op.refuse("404", "Not Found")
		}
		return nil
	},
	complete: func(*operation) {}, // GitHub adds only the id
	create:   func(_ context.Context, op *operation) error { return op.allow("") },
	change:   func(_ context.Context, op *operation) error { return op.allow(text(op.old.Inputs, "branchPattern")) },
	remove: func(_ context.Context, c *Cloud, e *entry) error {
		return c.changeDelivered(repositoryOf(e.Inputs), func(d *Delivered) {
			if environment := d.Environments[environmentName(e.Inputs)]; environment != nil {
				environment.without(text(e.Inputs, "branchPattern"))
			}
		})
	},
}

func checkPolicy(inputs object) []plugin.Failure {
	failures := checkSecret(inputs)
	branch, tag := at(inputs, "branchPattern"), at(inputs, "tagPattern")
	if (branch == nil) == (tag == nil) {
		failures = append(failures, plugin.Failure{Property: "branchPattern", Reason: `exactly one of "branch_pattern" and "tag_pattern" must be specified`})
	}
	return failures
}

// allow admits the branch in the inputs instead of the branch in before.
func (op *operation) allow(before string) error {
	return op.deliver(func(d *Delivered) {
		environment := d.environment(op.inputs)
		environment.without(before)
		environment.Branches = append(environment.Branches, text(op.inputs, "branchPattern"))
	})
}

func (e *Environment) without(branch string) {
	e.Branches = slices.DeleteFunc(e.Branches, func(b string) bool { return b == branch })
}

// environmentSecret needs its environment, whose key encrypts the secret. Without the
// environment the answer is 404. In a replacement, pulumi-github itself deletes the old
// secret first.
var environmentSecret = &kind{
	tokens:   []string{"github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"},
	azure:    "GitHub environment secret",
	echo:     true,
	upsert:   true,
	required: []string{"repository", "environment", "secretName"},
	hidden:   actionsSecret.hidden,
	secrets:  actionsSecret.secrets,
	replaces: append([]string{"environment"}, actionsSecret.replaces...),
	oldFirst: true,
	computed: actionsSecret.computed,
	check:    checkSecret,
	identify: func(op *operation) string { return environmentOf(op.inputs) + ":" + text(op.inputs, "secretName") },
	judge: func(op *operation) error {
		if op.record.get(environmentOf(op.inputs)) == nil {
			return op.refuse("404", "Not Found")
		}
		return actionsSecret.judge(op)
	},
	complete: completeDelivery,
	create: func(_ context.Context, op *operation) error {
		return op.deliver(func(d *Delivered) {
			d.environment(op.inputs).Secrets[deliveredName(op.inputs)] = text(op.inputs, "plaintextValue")
		})
	},
	remove: func(_ context.Context, c *Cloud, e *entry) error {
		return c.changeDelivered(repositoryOf(e.Inputs), func(d *Delivered) {
			if environment := d.Environments[environmentName(e.Inputs)]; environment != nil {
				delete(environment.Secrets, deliveredName(e.Inputs))
			}
		})
	},
}
