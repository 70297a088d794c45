package stack

import (
	"fmt"
	"maps"
	"slices"

	"averazure/internal/stackfile"
)

// rewritten tells whether the stack files have another text than at the last `up`.
func rewritten(before, asked stackfile.Request) bool {
	return len(before.Files) > 0 && !slices.Equal(before.Files, asked.Files)
}

// secretsOf names the secrets from files that have another content. What is new or gone
// shows with the services.
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
