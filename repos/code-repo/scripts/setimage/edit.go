package main

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// edit replaces a part of the text.
type edit struct {
	from, to int
	text     string
}

// set returns the text with the image in the named services. It also returns the other
// services that change with them: those whose image the file declares to be the same as a
// named service's.
func set(text string, services []string, image string) (changed string, others []string, err error) {
	d, err := parse(text)
	if err != nil {
		return "", nil, err
	}
	var places []place
	for _, service := range services {
		p, err := d.find(service)
		if err != nil {
			return "", nil, err
		}
		places = append(places, p)
	}
	// If several services share one text, it is changed there, but only if exactly the
	// named services share it. Otherwise each service is changed in its own place.
	changed, others, first := d.apply(places, image, d.atSource)
	if first == nil && len(others) == 0 {
		return changed, nil, nil
	}
	changed, others, err = d.apply(places, image, d.atService)
	return changed, others, err
}

// apply makes an edit for every place and checks the result.
func (d *document) apply(places []place, image string, way func(place, string) (edit, error)) (string, []string, error) {
	var edits []edit
	var services []string
	for _, p := range places {
		e, err := way(p, image)
		if err != nil {
			return "", nil, err
		}
		edits, services = append(edits, e), append(services, p.service)
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	text := d.text
	for _, e := range slices.Compact(edits) {
		text = text[:e.from] + e.text + text[e.to:]
	}
	others, err := d.check(text, services, image)
	return text, others, err
}

// atSource changes the text that the image comes from, wherever it is.
func (d *document) atSource(p place, image string) (edit, error) { return d.inPlace(p.scalar, image) }

// atService changes what the service itself says.
func (d *document) atService(p place, image string) (edit, error) {
	switch {
	case !p.own:
		return edit{}, at(p.mapping, "service %s is an alias of what stands here, and so are others; name all of them (APP_SERVICE may be a list), or write it out", p.service)
	case p.value == nil:
		return d.insert(p, image)
	case p.value.Kind == yaml.AliasNode:
		from, err := d.offset(p.value)
		if err != nil || !strings.HasPrefix(d.text[from:], "*"+p.value.Value) {
			return edit{}, lost(p.value)
		}
		return edit{from, from + 1 + len(p.value.Value), image}, nil
	}
	return d.inPlace(p.value, image)
}

// inPlace replaces the text of a scalar and leaves quotes, anchor and tag.
func (d *document) inPlace(node *yaml.Node, image string) (edit, error) {
	if node.Value == "" && node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return edit{}, at(node, "image has no value; write `image: NAME:TAG`")
	}
	from, err := d.offset(node)
	if err != nil {
		return edit{}, err
	}
	from = d.skipProperties(from, node)
	length := len(node.Value)
	switch {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		from, length = d.quoted(from, '"')
	case node.Style&yaml.SingleQuotedStyle != 0:
		from, length = d.quoted(from, '\'')
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		from, length = d.block(from, strings.TrimRight(node.Value, "\n"))
	case !strings.HasPrefix(d.text[from:], node.Value):
		length = -1
	}
	if length < 0 {
		return edit{}, lost(node)
	}
	return edit{from, from + length, image}, nil
}

// skipProperties skips the anchor and the tag before a value, which may stand on
// lines of their own.
func (d *document) skipProperties(from int, node *yaml.Node) int {
	if node.Anchor == "" && node.Style&yaml.TaggedStyle == 0 {
		return from
	}
	for from < len(d.text) {
		switch c := d.text[from]; {
		case c == '&' || c == '!':
			from += strings.IndexAny(d.text[from:]+" ", " \t\r\n")
		case c == '#':
			from += strings.IndexAny(d.text[from:]+"\n", "\r\n")
		case strings.IndexByte(" \t\r\n", c) >= 0:
			from++
		default:
			return from
		}
	}
	return from
}

// quoted is the inner part of a quoted text; its length is negative where there is
// none.
func (d *document) quoted(from int, quote byte) (int, int) {
	if from >= len(d.text) || d.text[from] != quote {
		return 0, -1
	}
	from++
	for at := from; at < len(d.text); at++ {
		switch {
		case quote == '"' && d.text[at] == '\\', quote == '\'' && strings.HasPrefix(d.text[at:], "''"):
			at++
		case d.text[at] == quote:
			return from, at - from
		}
	}
	return 0, -1
}

// block is the one line of a folded or literal text.
func (d *document) block(from int, value string) (int, int) {
	_, size, found := strings.Cut(d.text[from:], "\n")
	if value == "" || !found {
		return 0, -1
	}
	from = len(d.text) - len(size)
	from += len(d.text[from:]) - len(strings.TrimLeft(d.text[from:], " \r\n"))
	if !strings.HasPrefix(d.text[from:], value) {
		return 0, -1
	}
	return from, len(value)
}

// insert gives a service its own image, after the << that brings one.
func (d *document) insert(p place, image string) (edit, error) {
	key, merge := mergeOf(p.mapping)
	if merge == nil {
		return edit{}, lost(p.mapping)
	}
	if p.mapping.Style&yaml.FlowStyle != 0 {
		end, err := d.offset(merge)
		if err != nil || merge.Kind != yaml.AliasNode {
			return edit{}, lost(merge)
		}
		end += 1 + len(merge.Value)
		return edit{end, end, ", image: " + image}, nil
	}
	from, err := d.offset(key)
	if err != nil {
		return edit{}, err
	}
	begin, _, _ := d.line(key.Line)
	indent := d.text[begin:from]
	if strings.Trim(indent, " ") != "" {
		return edit{}, lost(key)
	}
	_, end, next := d.line(last(merge))
	line := indent + "image: " + image
	if end == next { // the file ends without a line break
		return edit{end, end, d.firstBreak() + line}, nil
	}
	return edit{next, next, line + d.text[end:next]}, nil
}

func (d *document) firstBreak() string {
	_, end, next := d.line(1)
	return d.text[end:next]
}

// mergeOf is the last << of a mapping, and what it brings.
func mergeOf(mapping *yaml.Node) (key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Tag == "!!merge" {
			key, value = mapping.Content[i], mapping.Content[i+1]
		}
	}
	return key, value
}

// last is the last line on which a part of a node begins.
func last(node *yaml.Node) int {
	line := node.Line
	for _, below := range node.Content {
		line = max(line, last(below))
	}
	return line
}
