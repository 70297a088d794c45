package stack

import (
	"fmt"
	"maps"
	"slices"

	"averazure/internal/stackfile"
)

// rewritten tells whether the text of the stack files has changed since the last `up`.
func rewritten(before, asked stackfile.Request) bool {
	return len(before.Files) > 0 && !slices.Equal(before.Files, asked.Files)
}

// secretsOf names the secrets from files whose content has changed. Secrets that are new or
// removed appear with the services.
func secretsOf(stack string, before, asked stackfile.Request) []string {
	contents := func(request stackfile.Request) map[string]string {
		found := map[string]string{}
		if file, err := request.File(); err == nil {
			for _, one := range file.Contents(stack) {
				found[one.Spec.Name] = string(one.Spec.Data)
			}
		}
		return found
	}
	was, is := contents(before), contents(asked)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if former, had := was[name]; had && former != is[name] {
			lines = append(lines, fmt.Sprintf("secret %s: new version", name))
		}
	}
	return lines
}
