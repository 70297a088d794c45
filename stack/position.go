package stack

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// position is a place in a stack file; its text is what editors jump to.
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

// positions maps the dotted path of every value ("services.api.ports.0") to
// its place. Docker's loader reports paths only.
type positions map[string]position

// index records where everything below node stands, under the given path.
func (p positions) index(file, path string, node *yaml.Node) {
	switch node.Kind {
	case yaml.DocumentNode:
		for _, child := range node.Content {
			p.index(file, path, child)
		}
	case yaml.AliasNode:
		p.index(file, path, node.Alias)
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below := dotted(path, key.Value)
			p[below] = position{file, key.Line}
			p.index(file, below, value)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			below := dotted(path, strconv.Itoa(i))
			p[below] = position{file, item.Line}
			p.index(file, below, item)
		}
	}
}

// at returns the place of a path or of the nearest thing above it.
func (p positions) at(file string, path ...string) position {
	for n := len(path); n > 0; n-- {
		if found, ok := p[strings.Join(path[:n], ".")]; ok {
			return found
		}
	}
	return position{file: file}
}

// explain puts the place in front of an error of Docker's loader, whose text
// names a path somewhere ("services.api Additional property x is not allowed").
func (p positions) explain(file string, err error) error {
	words := strings.Fields(err.Error())
	best, depth := position{file: file}, 0
	for i, word := range words {
		path := strings.Trim(word, `:,"'`)
		if strings.HasSuffix(err.Error(), "is not allowed") && i+3 < len(words) && words[i+1] == "Additional" {
			path = strings.TrimPrefix(dotted(path, words[i+3]), "(root).")
		}
		if found, ok := p[path]; ok && strings.Count(path, ".") >= depth {
			best, depth = found, strings.Count(path, ".")
		}
	}
	return fmt.Errorf("%s: %s", best, strings.Join(words, " "))
}

func dotted(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
