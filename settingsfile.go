package main

import (
	"os"
	"slices"

	"gopkg.in/yaml.v3"

	"averazure/internal/names"
	"averazure/internal/settings"
)

// settingsFile is the path of the Pulumi stack's settings file: the path in the CLI's
// variable, or the file beside Pulumi.yaml, which is the directory that programs run in.
func settingsFile(stack string) string {
	if file := os.Getenv("PULUMI_OPTION_CONFIG_FILE"); file != "" {
		return file
	}
	return "Pulumi." + stack + ".yaml"
}

// settingsIn returns the keys of a settings file with their values, or none when it cannot
// be read.
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

// hasKey tells whether the settings file itself has a value for a key. The engine cannot
// tell, since it passes on a default of Pulumi.yaml like a value of the file.
func hasKey(file, key string) bool {
	_, found := settingsIn(file)[settings.Name(key)]
	return found
}

// plainEntries refuses entries of averazure:secrets that are in plain text. The engine
// cannot do that: it treats the whole object as secret as soon as one entry is. A file that
// cannot be read counts as having no entries.
func plainEntries(file string) []error {
	node := settingsIn(file)[settings.Name("secrets")]
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
		problems = append(problems, settings.Problemf("secrets", "%s is stored in plain text in %s; choose another value, since somebody may have read this one, and set it with `pulumi config set --secret --path '%s'`",
			name, file, names.SecretPath(name)))
	}
	return problems
}

// encrypted tells whether a value is {secure: ...}, as the CLI writes a secret.
func encrypted(value any) bool {
	object, ok := value.(map[string]any)
	_, secure := object["secure"]
	return ok && secure && len(object) == 1
}
