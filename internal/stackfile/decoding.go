package stackfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/loader"
	"github.com/docker/cli/cli/compose/types"
	"gopkg.in/yaml.v3"
)

// sections are the parts of a stack file that hold named things, each with the word for one
// such thing.
var sections = []struct{ key, one string }{
	{"services", "service"}, {"networks", "network"}, {"volumes", "volume"}, {"secrets", "secret"}, {"configs", "config"},
}

// unplaced are the beginnings of those errors of Docker's loader that name neither a
// service nor a complete path.
var unplaced = []string{"decoding failed", unreadable}

// explainLoad explains why Docker's loader refuses a file. An error without a place comes
// from a value that the schema accepts but Docker cannot convert. To find such values, each
// thing of the file is loaded separately.
func (t tree) explainLoad(details types.ConfigDetails, err error) error {
	if !slices.ContainsFunc(unplaced, func(said string) bool { return strings.HasPrefix(err.Error(), said) }) {
		return places{t}.explain(err)
	}
	found := problems{places: places{t}}
	for _, section := range sections {
		things, _ := details.ConfigFiles[0].Config[section.key].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(things)) {
			if len(found.found) == maxProblems {
				break
			}
			if err := loadAlone(details, section.key, name, things[name]); err != nil {
				for _, one := range t.refusals(details, section.key, name, things[name], err) {
					found.add(one.where, "%s %q: %s", section.one, name, one.said)
				}
			}
		}
	}
	if len(found.found) == 0 {
		return places{t}.explain(err)
	}
	return found.err()
}

// loadAlone lets Docker's loader convert one thing of a file. The thing matches the schema
// already.
func loadAlone(details types.ConfigDetails, section, name string, thing any) error {
	dict := map[string]any{"version": format, section: map[string]any{name: thing}}
	details.ConfigFiles = []types.ConfigFile{{Config: dict}}
	return guarded(func() error {
		_, err := loader.Load(details, loader.WithDiscardEnvFiles, func(o *loader.Options) { o.SkipValidation = true })
		return err
	})
}

// refusal is a value that Docker cannot convert.
type refusal struct {
	where path
	said  string
}

// refused matches a line of an error of the loader: Go's path to the value, and why.
var refused = regexp.MustCompile(`(?m)^\s*'([^']+)' (.+)$`)

// refusals are the values for which Docker refuses one thing of a file.
func (t tree) refusals(details types.ConfigDetails, section, name string, thing any, err error) []refusal {
	top := at(section, name)
	var found []refusal
	for _, match := range refused.FindAllStringSubmatch(err.Error(), -1) {
		where, value := t.written(top, match[1])
		found = append(found, refusal{where, strings.Join(where[2:], ".") + ": " + inWords(value, match[2])})
	}
	if len(found) > 0 {
		return found
	}
	keys, _ := thing.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if err := loadAlone(details, section, name, map[string]any{key: keys[key]}); err != nil {
			return []refusal{{append(top, key), key + ": " + inWords("", err.Error())}}
		}
	}
	return []refusal{{top, err.Error()}}
}

// written follows Go's path to a value, such as Deploy.update_config.Parallelism or
// Volumes[0], as far as the file has it.
func (t tree) written(top path, of string) (path, string) {
	_, node := descend(t.root, top...)
	where := slices.Clone(top)
	for _, word := range strings.FieldsFunc(of, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		if node == nil {
			break
		}
		if key, value := childLike(node, word); value != nil {
			where, node = append(where, key), value
		}
	}
	if node = content(orEmpty(node)); node.Kind == yaml.ScalarNode {
		return where, node.Value
	}
	return where, ""
}

func orEmpty(node *yaml.Node) *yaml.Node {
	if node == nil {
		return &yaml.Node{}
	}
	return node
}

// childLike is like child, for a key in Go's spelling.
func childLike(node *yaml.Node, word string) (string, *yaml.Node) {
	if _, value := child(node, word); value != nil {
		return word, value
	}
	bare := func(key string) string { return strings.ToLower(strings.ReplaceAll(key, "_", "")) }
	for _, from := range append([]*yaml.Node{content(node)}, mergedInto(content(node))...) {
		for i := 0; from.Kind == yaml.MappingNode && i+1 < len(from.Content); i += 2 {
			if key := from.Content[i].Value; bare(key) == bare(word) {
				return key, from.Content[i+1]
			}
		}
	}
	return "", nil
}

// inWords says why Docker cannot convert a value. It repeats only sizes and negative
// numbers: any other value may be secret.
func inWords(value, said string) string {
	switch {
	case strings.HasPrefix(said, "invalid suffix"), strings.HasPrefix(said, "invalid size"):
		return fmt.Sprintf("%q is not a size (%s); write it like 128M or 1G", value, said)
	case strings.HasSuffix(said, "overflows uint"):
		return fmt.Sprintf("%s is negative; write 0 or more", value)
	case strings.Contains(said, "interface conversion"):
		return "a number is too large, or not whole"
	}
	return said
}
