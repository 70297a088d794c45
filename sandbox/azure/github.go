package azure

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"averazure/sandbox/plugin"
)

// githubKinds is the part of GitHub behind pulumi-github: Actions secrets and variables.
// Every repository name exists. The delivered values are in <state
// directory>/github/<owner>/<repository>.json for the workflows' runs; see [Delivered].
// Replacements follow ForceNew in integrations/terraform-provider-github,
// github/resource_github_actions_{secret,variable}.go and
// resource_github_repository_deploy_key.go.
func githubKinds() []*kind {
	return []*kind{actionsSecret, actionsVariable, repositoryDeployKey, repositoryEnvironment, deploymentPolicy, environmentSecret}
}

// Delivered is what the workflows of a repository see.
type Delivered struct {
	Secrets   map[string]string `json:"secrets"`
	Variables map[string]string `json:"variables"`
	// Environments have lower-case names as keys.
	Environments map[string]*Environment `json:"environments"`
}

// ReadDelivered reads the delivered values of a repository, owner/name. A missing file is
// empty. stateFile is that of [New].
func ReadDelivered(stateFile, repository string) (Delivered, error) {
	d := Delivered{Secrets: map[string]string{}, Variables: map[string]string{}, Environments: map[string]*Environment{}}
	data, err := os.ReadFile(deliveredFile(filepath.Dir(stateFile), repository))
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(data, &d)
}

func deliveredFile(stateDir, repository string) string {
	return filepath.Join(stateDir, "github", strings.ToLower(repository)+".json")
}

// actionsSecret has the provider's trap: a new value replaces the secret, but both have
// the same name. Without DeleteBeforeReplace the engine writes the new value and then
// deletes it. The provider sets DeleteBeforeReplace for ActionsEnvironmentSecret only.
// https://github.com/pulumi/pulumi-github/issues/250
var actionsSecret = &kind{
	tokens:   []string{"github:index/actionsSecret:ActionsSecret"},
	azure:    "GitHub Actions secret",
	echo:     true,
	upsert:   true,
	required: []string{"repository", "secretName"},
	hidden:   []string{"plaintextValue", "encryptedValue"},
	secrets:  []string{"plaintextValue", "encryptedValue"},
	replaces: []string{"repository", "secretName", "plaintextValue", "encryptedValue"},
	computed: []string{"createdAt", "updatedAt"},
	check:    checkSecret,
	identify: func(op *operation) string { return repositoryOf(op.inputs) + ":" + text(op.inputs, "secretName") },
	judge: func(op *operation) error {
		if at(op.inputs, "encryptedValue") != nil {
			return op.refuse(notPlayed, "the sandbox does not support encryptedValue; use plaintextValue")
		}
		return nil
	},
	complete: completeDelivery,
	create: func(_ context.Context, op *operation) error {
		return op.deliver(func(d *Delivered) { d.Secrets[deliveredName(op.inputs)] = text(op.inputs, "plaintextValue") })
	},
	remove: withdrawDelivery,
}

var actionsVariable = &kind{
	tokens:   []string{"github:index/actionsVariable:ActionsVariable"},
	azure:    "GitHub Actions variable",
	echo:     true,
	required: []string{"repository", "variableName", "value"},
	replaces: []string{"repository", "variableName"},
	computed: []string{"createdAt", "updatedAt"},
	check:    checkSecret,
	identify: func(op *operation) string { return repositoryOf(op.inputs) + ":" + text(op.inputs, "variableName") },
	complete: completeDelivery,
	create:   deliverVariable,
	change:   deliverVariable,
	remove:   withdrawDelivery,
}

// repositoryDeployKey is recorded only: the repositories that the tests push to are on this
// machine and need no key. GitHub refuses a key that any repository of any owner already
// has.
var repositoryDeployKey = &kind{
	tokens:   []string{"github:index/repositoryDeployKey:RepositoryDeployKey"},
	azure:    "GitHub deploy key",
	echo:     true,
	required: []string{"repository", "title", "key"},
	replaces: []string{"repository", "title", "key", "readOnly"},
	computed: []string{"etag"},
	check:    checkSecret,
	complete: func(op *operation) {
		op.state["etag"] = `W/"` + keyID(text(op.inputs, "key")+text(op.inputs, "title")) + `"`
	},
	identify: func(op *operation) string { return repositoryOf(op.inputs) + ":" + keyID(text(op.inputs, "key")) },
	judge: func(op *operation) error {
		if !strings.HasPrefix(text(op.inputs, "key"), "ssh-") {
			return op.refuse("422", "key is invalid. You must supply a key in OpenSSH public key format")
		}
		for _, e := range op.record.of("RepositoryDeployKey") {
			if e.ID != op.id && keyID(text(e.Inputs, "key")) == keyID(text(op.inputs, "key")) {
				return op.refuse("422", "key is already in use")
			}
		}
		return judgeDeployKeyPolicy(op)
	},
}

// keyID is a number like GitHub's; the same key gives the same number.
func keyID(key string) string {
	return strconv.FormatUint(uint64(number32(strings.TrimSpace(key))), 10)
}

// number32 is a number derived from a text.
func number32(text string) uint32 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint32(sum[:4])
}

func deliverVariable(_ context.Context, op *operation) error {
	return op.deliver(func(d *Delivered) { d.Variables[deliveredName(op.inputs)] = text(op.inputs, "value") })
}

func completeDelivery(op *operation) {
	stamp := now().Format("2006-01-02 15:04:05 -0700 MST")
	op.keep("createdAt", always(stamp))
	op.state["updatedAt"] = stamp
}

// deliveredName is the name in the workflow. GitHub stores names in upper case.
func deliveredName(inputs object) string {
	return strings.ToUpper(text(inputs, "secretName") + text(inputs, "variableName"))
}

// The rules of the provider's validateSecretNameFunc (github/util.go).
var (
	actionsName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

func checkSecret(inputs object) []plugin.Failure {
	var failures []plugin.Failure
	for _, path := range []string{"secretName", "variableName"} {
		name := text(inputs, path)
		switch {
		case name == "":
		case !actionsName.MatchString(name):
			failures = append(failures, plugin.Failure{Property: path, Reason: "names of secrets and variables can only contain alphanumeric characters or underscores and must not start with a number"})
		case strings.HasPrefix(strings.ToUpper(name), "GITHUB_"):
			failures = append(failures, plugin.Failure{Property: path, Reason: "names of secrets and variables must not start with the GITHUB_ prefix"})
		}
	}
	if repo := text(inputs, "repository"); repo != "" && !repositoryName.MatchString(repo) {
		failures = append(failures, plugin.Failure{Property: "repository", Reason: "'" + repo + "' is not a repository name; the owner belongs in the provider's configuration"})
	}
	if at(inputs, "plaintextValue") != nil && at(inputs, "encryptedValue") != nil {
		failures = append(failures, plugin.Failure{Property: "plaintextValue", Reason: "\"plaintextValue\": conflicts with encryptedValue"})
	}
	return failures
}

// deliver changes what the workflows of a repository see.
func (op *operation) deliver(change func(*Delivered)) error {
	return op.changeDelivered(repositoryOf(op.inputs), change)
}

func withdrawDelivery(_ context.Context, c *Cloud, e *entry) error {
	return c.changeDelivered(repositoryOf(e.Inputs), func(d *Delivered) {
		if name := deliveredName(e.Inputs); typeName(e.Token) == "ActionsSecret" {
			delete(d.Secrets, name)
		} else {
			delete(d.Variables, name)
		}
	})
}

func (c *Cloud) changeDelivered(repository string, change func(*Delivered)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, err := ReadDelivered(filepath.Join(c.stateDir, "any"), repository)
	if err != nil {
		return err
	}
	change(&d)
	data, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return err
	}
	return writeAtomic(deliveredFile(c.stateDir, repository), data)
}
