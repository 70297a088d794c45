package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// check parses the result and compares. The named services must have the image. Nothing
// else may differ, except images that the file declares to be the same; check returns their
// services. Keys that begin with x- may differ too: they are for aliases, and Docker does
// not read them.
func (d *document) check(text string, services []string, image string) (others []string, err error) {
	after, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("the change would break it: %w", err)
	}
	for _, service := range services {
		p, err := after.find(service)
		switch {
		case err != nil:
			return nil, err
		case p.scalar.Value != image || p.scalar.ShortTag() != "!!str":
			return nil, at(p.scalar, "the image of %s would become %q; write `image: NAME:TAG` on one line", service, p.scalar.Value)
		}
	}
	if len(after.values) != len(d.values) {
		return nil, errors.New("the change would make another number of YAML documents")
	}
	for i := range d.values {
		for _, path := range differences(nil, d.values[i], after.values[i]) {
			switch {
			case i == 0 && strings.HasPrefix(path[0], "x-"):
			case i == 0 && len(path) == 3 && path[0] == "services" && path[2] == "image":
				if !slices.Contains(services, path[1]) {
					others = append(others, path[1])
				}
			default:
				return nil, fmt.Errorf("%s would change too, since it shares the text of the image; write it out there", strings.Join(path, "."))
			}
		}
	}
	return others, nil
}

// differences are the paths, in order, at which two values differ.
func differences(path []string, a, b any) [][]string {
	left, right := children(a), children(b)
	if left == nil || right == nil || fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) {
		if fmt.Sprintf("%T %#v", a, a) == fmt.Sprintf("%T %#v", b, b) {
			return nil // compared as text, since NaN is not equal to itself
		}
		return [][]string{append(slices.Clone(path), "")[:max(len(path), 1)]}
	}
	var found [][]string
	keys := maps.Clone(left)
	maps.Copy(keys, right)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		below := append(slices.Clone(path), key)
		one, ok := left[key]
		other, also := right[key]
		if ok != also {
			found = append(found, below)
			continue
		}
		found = append(found, differences(below, one, other)...)
	}
	return found
}

// children are what a mapping or a list holds, by name; nil for everything else.
func children(value any) map[string]any {
	below := map[string]any{}
	switch value := value.(type) {
	case map[string]any:
		return value
	case map[any]any:
		for key, each := range value {
			if text, ok := key.(string); ok {
				below[text] = each
			} else {
				below[fmt.Sprintf("%T(%v)", key, key)] = each // 1 is not "1"
			}
		}
	case []any:
		for i, each := range value {
			below[fmt.Sprint(i)] = each
		}
	default:
		return nil
	}
	return below
}
