package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// document is a stack file with the positions of what it says. Of several YAML
// documents Docker reads the first.
type document struct {
	text   string
	lines  []int // where each line begins
	root   *yaml.Node
	values []any // every document as plain values, aliases and merges written out
}

const mark = "\uFEFF" // the byte order mark of an editor on Windows

// parse reads a text. A parser that panics is an error like any other.
func parse(text string) (d *document, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			d, err = nil, fmt.Errorf("not valid YAML: %v", problem)
		}
	}()
	if strings.HasPrefix(text, "\xFF\xFE") || strings.HasPrefix(text, "\xFE\xFF") {
		return nil, errors.New("it is UTF-16; save it as UTF-8")
	}
	d = &document{text: text}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		var node yaml.Node
		var value any
		switch err := decoder.Decode(&node); {
		case errors.Is(err, io.EOF):
			if d.root == nil {
				return nil, errors.New("it is empty")
			}
			d.lines = lines(text)
			return d, nil
		case err != nil:
			return nil, fmt.Errorf("not valid YAML: %w", err)
		}
		// This refuses duplicate keys, and aliases that contain themselves or too much.
		if err := node.Decode(&value); err != nil {
			return nil, fmt.Errorf("not valid YAML: %w", err)
		}
		d.values = append(d.values, value)
		if d.root == nil && len(node.Content) == 1 {
			d.root = node.Content[0]
		}
	}
}

// lines returns where lines begin, with all line breaks that the parser recognizes. The
// byte order mark at the beginning does not count as a column.
func lines(text string) []int {
	at := 0
	if strings.HasPrefix(text, mark) {
		at = len(mark)
	}
	begins := []int{at}
	for at < len(text) {
		if size := lineBreak(text[at:]); size > 0 {
			at += size
			begins = append(begins, at)
			continue
		}
		at++
	}
	return begins
}

// lineBreak is the length of the line break that a text begins with.
func lineBreak(text string) int {
	for _, each := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(text, each) {
			return len(each)
		}
	}
	return 0
}

// line returns where a line, counted from 1, begins, where its text ends and where
// the next one begins.
func (d *document) line(number int) (begin, end, next int) {
	begin, next = d.lines[number-1], len(d.text)
	if number < len(d.lines) {
		next = d.lines[number]
	}
	for end = begin; end < next && lineBreak(d.text[end:]) == 0; {
		end++
	}
	return begin, end, next
}

// offset is where a node begins. Columns are in characters.
func (d *document) offset(node *yaml.Node) (int, error) {
	if node.Line < 1 || node.Line > len(d.lines) {
		return 0, lost(node)
	}
	at, end, _ := d.line(node.Line)
	for range node.Column - 1 {
		if at >= end {
			return 0, lost(node)
		}
		_, size := utf8.DecodeRuneInString(d.text[at:])
		at += size
	}
	return at, nil
}

func lost(node *yaml.Node) error {
	return at(node, "the value is written in a form that cannot be changed; write `image: NAME:TAG` on one line")
}

// at is an error with its line.
func at(node *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{node.Line}, args...)...)
}
