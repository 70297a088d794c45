package main

import (
	"fmt"
	"os"
	"slices"

	"gopkg.in/yaml.v3"

	"averazure/internal/names"
)

// settingsFile is where the stack's configuration stands: the file that the CLI
// was told by its variable, or the one beside Pulumi.yaml, where programs run.
func settingsFile(stack string) string {
	if file := os.Getenv("PULUMI_OPTION_CONFIG_FILE"); file != "" {
		return file
	}
	return "Pulumi." + stack + ".yaml"
}

// settingsIn are the keys of a file and their values; none where it cannot be read.
func settingsIn(file string) map[string]yaml.Node {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var read struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	if yaml.Unmarshal(content, &read) != nil {
		return nil
	}
	return read.Config
}

// hasKey tells whether a file itself has a value for a key: the engine hands on
// Pulumi.yaml's default as if it did.
func hasKey(file, key string) bool {
	_, found := settingsIn(file)[namespace+":"+key]
	return found
}

// plainEntries refuses entries of averazure:secrets that stand in clear. The
// engine cannot tell: to it an object is secret as soon as one entry is. Where
// the file cannot be read there is nothing to say.
func plainEntries(file string) []error {
	node := settingsIn(file)[namespace+":secrets"]
	entries := map[string]any{}
	if node.Decode(&entries) != nil || encrypted(entries) {
		return nil
	}
	var plain []string
	for name, value := range entries {
		if !encrypted(value) {
			plain = append(plain, name)
		}
	}
	slices.Sort(plain)
	var problems []error
	for _, name := range plain {
		problems = append(problems, fmt.Errorf("%s:secrets: %s stands in clear in %s; set it again with `pulumi config set --secret --path '%s'` and change the value, it may have been seen",
			namespace, name, file, names.SecretPath(name)))
	}
	return problems
}

// encrypted tells whether a value is {secure: ...}, as the CLI writes a secret.
func encrypted(value any) bool {
	object, ok := value.(map[string]any)
	_, secure := object["secure"]
	return ok && secure && len(object) == 1
}
