package main

import (
	"fmt"
	"maps"
	"slices"
)

// differences are the paths, in order, at which two values differ.
func differences(path []string, a, b any) [][]string {
	left, right := children(a), children(b)
	if left == nil || right == nil || fmt.Sprintf("%T", a) != fmt.Sprintf("%T", b) {
		if fmt.Sprintf("%T %#v", a, a) == fmt.Sprintf("%T %#v", b, b) {
			return nil // as texts: what is not a number is not equal to itself
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
