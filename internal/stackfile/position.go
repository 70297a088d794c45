package stackfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// position is a place in a stack file. Its text has the form that editors can jump to.
type position struct {
	file string
	line int
}

func (p position) String() string {
	if p.line == 0 {
		return p.file
	}
	return p.file + ":" + strconv.Itoa(p.line)
}

// tree is one source with the lines of everything in it.
type tree struct {
	file string
	root *yaml.Node
}

// places are the sources in their order. Something that several of them have is looked up
// in the last one.
type places []tree

// at returns the place of a value, such as services, api, ports, 0, or of the
// nearest thing above it.
func (p places) at(path ...string) position {
	best, deepest := position{file: p[0].file}, 0
	for _, tree := range slices.Backward(p) {
		if line, depth := find(tree.root, path); depth > deepest {
			best, deepest = position{tree.file, line}, depth
		}
	}
	return best
}

// find goes down a path as far as it can.
func find(node *yaml.Node, path []string) (line, depth int) {
	for _, key := range path {
		name, value := child(node, key)
		if value == nil {
			break
		}
		line, depth, node = name.Line, depth+1, value
	}
	return line, depth
}

// descend returns the node that a path leads to, and its name; nil if it leads nowhere.
func descend(node *yaml.Node, path ...string) (name, value *yaml.Node) {
	for _, key := range path {
		if name, value = child(node, key); value == nil {
			return nil, nil
		}
		node = value
	}
	return name, value
}

// child returns the value under a key, or at an index of a list, and its name. A key may be
// merged in from elsewhere (<<).
func child(node *yaml.Node, key string) (name, value *yaml.Node) {
	node = content(node)
	switch node.Kind {
	case yaml.MappingNode:
		// If a key occurs twice, Docker takes the last.
		for i := len(node.Content) - 2; i >= 0; i -= 2 {
			if node.Content[i].Value == key {
				return node.Content[i], node.Content[i+1]
			}
		}
		for _, merged := range mergedInto(node) {
			if name, value := child(merged, key); value != nil {
				return name, value
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	}
	return nil, nil
}

// content follows documents and aliases to the node that they hold or name.
func content(node *yaml.Node) *yaml.Node {
	switch {
	case node.Kind == yaml.DocumentNode && len(node.Content) > 0:
		return content(node.Content[0])
	case node.Kind == yaml.AliasNode:
		return content(node.Alias)
	}
	return node
}

// mergedInto returns the mappings that a mapping merges.
func mergedInto(node *yaml.Node) []*yaml.Node {
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		if !merges(node.Content[i]) {
			continue
		}
		switch value := content(node.Content[i+1]); value.Kind {
		case yaml.MappingNode:
			merged = append(merged, value)
		case yaml.SequenceNode:
			for _, item := range value.Content {
				if item = content(item); item.Kind == yaml.MappingNode {
					merged = append(merged, item)
				}
			}
		}
	}
	return merged
}

// explain puts the place in front of an error of Docker's loader, whose text
// names a path somewhere ("services.api Additional property x is not allowed").
func (p places) explain(err error) error {
	words := strings.Fields(shortened(err.Error()))
	best, deepest := position{file: p[0].file}, []string(nil)
	for i, word := range words {
		dotted := strings.Trim(word, `:;,"'`)
		if i+3 < len(words) && words[i+1] == "Additional" && words[i+2] == "property" {
			dotted = strings.TrimPrefix(dotted+"."+words[i+3], "(root).")
		}
		if i+1 < len(words) && slices.Contains([]string{"volume", "network", "secret", "config"}, word) {
			dotted = word + "s." + strings.Trim(words[i+1], `"`)
		}
		for _, tree := range slices.Backward(p) {
			if path := split(tree.root, dotted); len(path) > len(deepest) {
				best, deepest = p.at(path...), path
			}
		}
	}
	return fmt.Errorf("%s: %s", best, improved(strings.Join(words, " "), deepest))
}

// split cuts a path at its dots. Keys may have dots in them, so it looks up in the file
// where each key ends.
func split(node *yaml.Node, dotted string) []string {
	node = content(node)
	var best []string
	try := func(key string, value *yaml.Node) {
		if key == "" || dotted != key && !strings.HasPrefix(dotted, key+".") {
			return
		}
		path := append([]string{key}, split(value, strings.TrimPrefix(dotted[len(key):], "."))...)
		if len(path) > len(best) {
			best = path
		}
	}
	switch node.Kind {
	case yaml.MappingNode:
		for i := len(node.Content) - 2; i >= 0; i -= 2 {
			try(node.Content[i].Value, node.Content[i+1])
		}
		for _, merged := range mergedInto(node) {
			if path := split(merged, dotted); len(path) > len(best) {
				best = path
			}
		}
	case yaml.SequenceNode:
		key, _, _ := strings.Cut(dotted, ".")
		if _, value := child(node, key); value != nil {
			try(key, value)
		}
	}
	return best
}
