package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"gopkg.in/yaml.v3"
)

// topLevel are the keys that Pulumi knows in a settings file beside config.
// https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
var topLevel = []string{"config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt"}

// check returns the mistakes in the settings file, each with its line: keys that Pulumi
// would not read, secrets in plain text, and values of the wrong type. Kept settings
// override the file, so the program may never see those values.
func (d declared) check(file, self string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return err
	}
	var problems []error
	say := func(at *yaml.Node, format string, words ...any) {
		problems = append(problems, fmt.Errorf("%s:%d: %s", filepath.Base(file), at.Line, fmt.Sprintf(format, words...)))
	}
	each(document.Content[0], func(key, value *yaml.Node) {
		if !slices.Contains(topLevel, key.Value) && !strings.HasPrefix(key.Value, "x-") {
			say(key, "%q is not a key of a settings file; settings are under config", key.Value)
		}
		if key.Value == "config" {
			each(value, func(key, value *yaml.Node) {
				if ours, isOurs := strings.CutPrefix(key.Value, projectName+":"); isOurs {
					d.checkValue(ours, key, value, self, say)
				}
			})
		}
	})
	return errors.Join(problems...)
}

// checkValue reports the mistakes in the value of one of this project's keys.
func (d declared) checkValue(key string, at, value *yaml.Node, self string, say func(at *yaml.Node, format string, words ...any)) {
	setting := d.Config[key]
	if isSecure(value) {
		return
	}
	switch {
	case key == "secrets":
		each(value, func(name, secret *yaml.Node) {
			if !isSecure(secret) {
				say(name, "the secret %s is in plain text in a file that is committed; remove it here, and run `%s secret set %s`", name.Value, self, name.Value)
			}
		})
	case strings.HasPrefix(setting.Description, "Secret:"):
		say(at, "averazure:%s is in plain text in a file that is committed; remove it here, and run `%s pulumi -- config set --secret averazure:%[1]s`", key, self)
	case !setting.takes(value):
		say(at, "averazure:%s is %s; the setting is of type %s", key, written(value), setting.kind())
	}
}

// takes tells whether the CLI would accept a value for the key's type. The CLI treats a
// number or a boolean as text. An undeclared key accepts any value here; the program
// reports such a key.
func (k declaredKey) takes(value *yaml.Node) bool {
	var content any
	if err := value.Decode(&content); err != nil {
		return false
	}
	if meant(value).Kind == yaml.ScalarNode {
		content = fmt.Sprint(content)
	}
	return k.Type == "" || sdk.ValidateConfigValue(k.Type, k.Items, content)
}

// kind is the key's type in words, for a message.
func (k declaredKey) kind() string {
	if k.Items == nil {
		return k.Type
	}
	return k.Type + " of " + k.Items.Type
}

// written is a value as YAML on one line.
func written(value *yaml.Node) string {
	text, err := yaml.Marshal(meant(value))
	if err != nil {
		return "something else"
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// meant returns the node itself, or for an alias the node that its anchor marks.
func meant(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// isSecure tells whether a value is encrypted, as the CLI writes it.
func isSecure(value *yaml.Node) bool {
	found := false
	each(value, func(key, _ *yaml.Node) { found = found || key.Value == "secure" })
	return found
}

// merge is the YAML key that merges another mapping into this one.
const merge = "<<"

// each calls do for every key of a mapping except merge. It does nothing for other nodes.
func each(node *yaml.Node, do func(key, value *yaml.Node)) {
	node = meant(node)
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; key.Value != merge {
			do(key, node.Content[i+1])
		}
	}
}
