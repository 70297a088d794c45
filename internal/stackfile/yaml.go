package stackfile

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yaml1 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"
)

const (
	// maxValues bounds a file with all its aliases expanded, and maxDepth how
	// deep it may be nested: a few lines of aliases can stand for millions of values.
	maxValues = 50_000
	maxDepth  = 60
	// maxText bounds the length of all texts, with the aliases expanded, and of the
	// volumes' definitions, which Docker repeats in every mount.
	maxText = 4 * MaxBytes
)

// readYAML returns a source as a tree that knows its lines, and in the form that Docker's
// loader wants. The second is read with the library of Docker on the nodes (26.1): newer
// libraries read a date or a yes differently. Before is the size of the sources before this
// one, which counts too.
func readYAML(source Source, before *measure) (root *yaml.Node, dict map[string]any, err error) {
	err = guarded(func() error {
		root = &yaml.Node{}
		return yaml.Unmarshal([]byte(source.Text), root)
	})
	if err != nil {
		return nil, nil, yamlError(source, err)
	}
	m := measurer{name: source.Name, before: *before, known: map[*yaml.Node]measure{}}
	size, err := m.measure(root, 0)
	if err != nil {
		return nil, nil, err
	}
	before.add(size)
	var value any
	if err := guarded(func() error { return yaml1.Unmarshal([]byte(source.Text), &value) }); err != nil {
		return nil, nil, yamlError(source, err)
	}
	top, err := stringKeys("(root)", value)
	if err != nil {
		return nil, nil, places{{source.Name, root}}.explain(err)
	}
	dict, ok := top.(map[string]any)
	if !ok {
		return nil, nil, yamlError(source, errors.New("top-level object must be a mapping"))
	}
	return root, dict, nil
}

// CheckYAML says at which line a text is not valid YAML. If a tab is the cause, it says so.
func CheckYAML(name, text string) error {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return yamlError(Source{name, text}, err)
	}
	return nil
}

// yamlLine finds the line in an error of the YAML parser.
var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?line (\d+): `)

func yamlError(source Source, err error) error {
	name := source.Name
	text := err.Error()
	if match := yamlLine.FindStringSubmatch(text); match != nil {
		line, _ := strconv.Atoi(match[1])
		if isAboutTabs(text) {
			if err := tabbed(source, line); err != nil {
				return err
			}
		}
		said := text[len(match[0]):]
		if wrong := wrongLine(source.Text, said); wrong > 0 {
			return fmt.Errorf("%s:%d: not valid YAML: %s; is the line indented like the others of its block, and is nothing behind a closing quote?", name, wrong, said)
		}
		return fmt.Errorf("%s:%d: not valid YAML: %s", name, line, shortened(said))
	}
	text = strings.TrimPrefix(text, "yaml: ")
	if match := unknownAnchor.FindStringSubmatch(text); match != nil {
		before, _, _ := strings.Cut(source.Text, "*"+match[1])
		name += fmt.Sprintf(":%d", strings.Count(before, "\n")+1)
	}
	return fmt.Errorf("%s: not valid YAML: %s", name, shortened(text))
}

// unknownAnchor finds the name in the only error of the YAML parser that has no line.
var unknownAnchor = regexp.MustCompile(`^unknown anchor '([^']+)' referenced`)

// shortened cuts a text that may quote a stranger's file.
func shortened(text string) string {
	const most = 500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// stringKeys turns mappings into ones with texts as keys, as Docker does.
func stringKeys(path string, value any) (any, error) {
	switch value := value.(type) {
	case map[any]any:
		dict := make(map[string]any, len(value))
		for key, below := range value {
			text, ok := key.(string)
			if !ok {
				return nil, fmt.Errorf("%s has the key %s, which is not text; write it in quotes", path, shortened(fmt.Sprint(key)))
			}
			var err error
			if dict[text], err = stringKeys(strings.TrimPrefix(path+"."+text, "(root)."), below); err != nil {
				return nil, err
			}
		}
		return dict, nil
	case []any:
		// An empty list becomes nil, as in Docker.
		var list []any
		for _, item := range value {
			converted, err := stringKeys(path, item)
			if err != nil {
				return nil, err
			}
			list = append(list, converted)
		}
		return list, nil
	}
	return value, nil
}

// measure is the size of a part of a file, with its aliases expanded.
type measure struct{ values, text, depth int }

func (m *measure) add(below measure) {
	m.values += below.values
	m.text += below.text
	m.depth = max(m.depth, below.depth+1)
}

// measurer refuses files that are too large or too deep when their aliases are expanded.
type measurer struct {
	name   string
	before measure
	known  map[*yaml.Node]measure // for nodes with an anchor
}

func (m *measurer) measure(node *yaml.Node, above int) (measure, error) {
	if node.Kind == yaml.AliasNode {
		size, ok := m.known[node.Alias]
		if !ok { // the alias is inside the node that the anchor names
			return size, fmt.Errorf("%s:%d: the alias %s names something that contains it", m.name, node.Line, node.Value)
		}
		return size, m.bounded(node, above, size)
	}
	size := measure{values: 1, text: len(node.Value)}
	if err := m.bounded(node, above, size); err != nil {
		return size, err
	}
	for _, child := range node.Content {
		below, err := m.measure(child, above+1)
		if err != nil {
			return size, err
		}
		size.add(below)
		if err := m.bounded(node, above, size); err != nil {
			return size, err
		}
	}
	if node.Anchor != "" {
		m.known[node] = size
	}
	return size, nil
}

func (m *measurer) bounded(node *yaml.Node, above int, size measure) error {
	switch {
	case above+size.depth > maxDepth:
		return fmt.Errorf("%s:%d: is nested more than %d levels deep", m.name, node.Line, maxDepth)
	case m.before.values+size.values > maxValues:
		return fmt.Errorf("%s:%d: makes the stack file longer than %d values, with its aliases expanded", m.name, node.Line, maxValues)
	case m.before.text+size.text > maxText:
		return fmt.Errorf("%s:%d: makes the stack file longer than %d bytes, with its aliases expanded", m.name, node.Line, maxText)
	}
	return nil
}

// merges tells whether a key is << without quotes.
func merges(key *yaml.Node) bool {
	return key.Value == "<<" && key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}
