// Package handbook reads the commands that the documents tell people to type. Tests run
// them, or compare them with the programs that they call, so that a document cannot name a
// command that does not exist. Nothing else uses it.
package handbook

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Page is a document in Markdown.
type Page struct {
	name     string
	sections map[string]string // the text by the heading; the text before the first heading is under ""
}

var (
	heading = regexp.MustCompile(`(?m)^## (.*)$`)
	block   = regexp.MustCompile("(?ms)^```\n(.*?)^```$")
	inline  = regexp.MustCompile("`([^`]+)`")
)

// Read reads a document.
func Read(path string) (Page, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Page{}, err
	}
	page := Page{name: path, sections: map[string]string{}}
	starts := heading.FindAllSubmatchIndex(text, -1)
	if len(starts) == 0 {
		return Page{}, fmt.Errorf("%s has no section", path)
	}
	page.sections[""] = string(text[:starts[0][0]])
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		page.sections[string(text[at[2]:at[3]])] = string(text[at[1]:end])
	}
	return page, nil
}

// Section is the text of a section.
func (p Page) Section(heading string) (string, error) {
	text, ok := p.sections[heading]
	if !ok {
		return "", fmt.Errorf("%s has no section %q", p.name, heading)
	}
	return text, nil
}

// Blocks are the code blocks of a section. A block that names its language does not count:
// it is not for the shell.
func (p Page) Blocks(section string) ([]string, error) {
	text, err := p.Section(section)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, one := range block.FindAllStringSubmatch(text, -1) {
		found = append(found, one[1])
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: the section %q has no code block", p.name, section)
	}
	return found, nil
}

// Call is a command with its arguments, and the section in which it is. An argument that
// the shell fills in, such as "$dir", stays as it is written.
type Call struct {
	Section string
	Words   []string
}

func (c Call) String() string { return strings.Join(c.Words, " ") }

// Calls are the calls of a program on the page: in its code blocks, and in the text in
// backticks, where a program's name alone is not a call. sudo and ssh are skipped: the call
// is the command that they run.
func (p Page) Calls(program string) ([]Call, error) {
	var found []Call
	for _, section := range slices.Sorted(maps.Keys(p.sections)) {
		text := p.sections[section]
		add := func(script string, alone bool) error {
			statements, err := Statements(script)
			if err != nil {
				return fmt.Errorf("%s, %q: %w\n%s", p.name, section, err, script)
			}
			for _, s := range statements {
				for _, words := range s.Calls {
					if words = does(words); len(words) > 0 && words[0] == program && (alone || len(words) > 1) {
						found = append(found, Call{section, words})
					}
				}
			}
			return nil
		}
		for _, one := range block.FindAllStringSubmatch(text, -1) {
			if err := add(one[1], true); err != nil {
				return nil, err
			}
		}
		for _, one := range inline.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			call := strings.ReplaceAll(one[1], "\n", " ")
			if first, _, _ := strings.Cut(strings.TrimPrefix(call, "sudo "), " "); first != program {
				continue
			}
			if err := add(call, false); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// does is the command that a call with sudo or ssh runs.
func does(words []string) []string {
	switch {
	case len(words) > 1 && words[0] == "sudo":
		return does(words[1:])
	case len(words) > 4 && words[0] == "ssh" && words[1] == "-F":
		return does(words[4:])
	}
	return words
}

// Statement is one command line, with everything that belongs to it: a pipe, a redirection,
// lines on which it continues.
type Statement struct {
	Text  string
	Calls [][]string // every simple command in it, also in $(...)
}

// optional matches the parts of an example in brackets, which may be left out.
var optional = regexp.MustCompile(` \[-[^\]\n]*\]`)

// Statements reads a script as the shell does. What is in brackets is left out.
func Statements(script string) ([]Statement, error) {
	script = optional.ReplaceAllString(script, "")
	file, err := syntax.NewParser().Parse(strings.NewReader(script), "")
	if err != nil {
		return nil, err
	}
	var all []Statement
	for _, statement := range file.Stmts {
		one := Statement{Text: script[statement.Pos().Offset():statement.End().Offset()]}
		syntax.Walk(statement, func(node syntax.Node) bool {
			if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
				var words []string
				for _, word := range call.Args {
					words = append(words, plain(script, word))
				}
				one.Calls = append(one.Calls, words)
			}
			return true
		})
		all = append(all, one)
	}
	return all, nil
}

// plain is a word without its quotes. Parts that the shell fills in stay as they are
// written.
func plain(script string, word *syntax.Word) string {
	var text strings.Builder
	var add func(parts []syntax.WordPart)
	add = func(parts []syntax.WordPart) {
		for _, part := range parts {
			switch p := part.(type) {
			case *syntax.SglQuoted:
				text.WriteString(p.Value)
			case *syntax.DblQuoted:
				add(p.Parts)
			default:
				text.WriteString(script[p.Pos().Offset():p.End().Offset()])
			}
		}
	}
	add(word.Parts)
	return text.String()
}
