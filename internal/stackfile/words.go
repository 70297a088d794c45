package stackfile

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/compose/types"

	"averazure/internal/settings"
)

// ofSchema are unhelpful sentences of Docker's schema, and better ones. The path of the
// value precedes the sentence.
var ofSchema = []struct{ said, better string }{
	{"Does not match format 'ports'", `is not a port; write it like "8080:80", or "53:53/udp"`},
	{"Does not match format 'duration'", "is not a duration; write it like 10s or 1m30s"},
}

// ofCast matches the error of Docker's loader about a variable whose value does not fit.
// The error has the value, or Go's message about it.
var ofCast = regexp.MustCompile(`error while interpolating (\S+): failed to cast to expected type: (?:strconv\.(\w+): parsing (".*"): .*|invalid boolean: (.*))$`)

// ofType are the names of types, by the Go function that reads their values.
var ofType = map[string]string{"Atoi": "an integer", "ParseFloat": "a number"}

// improved makes a sentence of Docker's schema helpful. Path leads to the value that it is
// about, as far as the file has it.
func improved(text string, path []string) string {
	for _, one := range ofSchema {
		if before, ok := strings.CutSuffix(text, one.said); ok {
			return before + one.better
		}
	}
	text = strings.ReplaceAll(text, "must be a integer", "must be an integer")
	if cast := ofCast.FindStringSubmatch(text); cast != nil {
		value := cmp.Or(cast[3], strconv.Quote(cast[4]))
		return fmt.Sprintf("%s must be %s; the value of its variable is %s", cast[1], cmp.Or(ofType[cast[2]], "a boolean"), value)
	}
	if !strings.HasSuffix(text, " is not allowed") || len(path) == 0 {
		return text
	}
	key := path[len(path)-1]
	if best := settings.Nearest(key, keysAt(path[:len(path)-1]), max(1, len(key)/3)); best != "" {
		return fmt.Sprintf("%s; did you mean %s?", text, best)
	}
	for _, part := range keysAt(path[:len(path)-1]) {
		if best := settings.Nearest(key, keysAt(append(slices.Clone(path[:len(path)-1]), part)), max(1, len(key)/4)); best != "" && len(key) > 4 {
			return fmt.Sprintf("%s; did you mean %s.%s?", text, part, best)
		}
	}
	return text
}

// keysAt are the keys that a stack file may have at a place; none if the keys are free
// names or if the place has a plain value.
func keysAt(path []string) []string {
	at := reflect.TypeFor[types.Config]()
	for _, key := range path {
		if at = below(at, key); at == nil {
			return nil
		}
	}
	at = pointed(at)
	var keys []string
	for i := range lenOf(at) {
		if key := keyOf(at.Field(i)); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func pointed(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// lenOf is the number of a type's fields: 0 if it is not a struct.
func lenOf(t reflect.Type) int {
	if t.Kind() != reflect.Struct {
		return 0
	}
	return t.NumField()
}

// keyOf is a field's key in a stack file; empty if stack files do not have it.
func keyOf(field reflect.StructField) string {
	key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if key == "-" {
		return ""
	}
	return key
}

// below is the type of the value under a key; nil if there is no such key. Docker keeps
// services in a list, although a stack file has them by name.
func below(t reflect.Type, key string) reflect.Type {
	t = pointed(t)
	switch t.Kind() {
	case reflect.Map, reflect.Slice:
		return t.Elem()
	}
	for i := range lenOf(t) {
		if keyOf(t.Field(i)) == key {
			return t.Field(i).Type
		}
	}
	return nil
}

// tabBefore matches a tab in the indentation, and the text after it.
var tabBefore = regexp.MustCompile(`^ *(?:- *)*\t[ \t]*(.*)$`)

// tabbed finds the tab that makes a source invalid YAML. It looks on the line that the
// parser gives, or near it, since some errors give the line where the previous value began.
func tabbed(source Source, line int) error {
	lines := strings.Split(source.Text, "\n")
	for _, at := range []int{line, line + 1, line - 1, line + 2, line + 3} {
		if at < 1 || at > len(lines) {
			continue
		}
		if found := tabBefore.FindStringSubmatch(lines[at-1]); found != nil {
			what := "at the end of an empty line"
			if rest := strings.TrimSpace(found[1]); rest != "" {
				what = "before " + strconv.Quote(shortened(rest))
			}
			return fmt.Errorf("%s:%d: not valid YAML: there is a tab %s; indent with spaces", source.Name, at, what)
		}
	}
	return nil
}

// aboutTabs are the parser's words for a misplaced tab.
var aboutTabs = []string{"found character that cannot start any token", "found a tab character"}

// isAboutTabs tells whether the parser may have met a tab.
func isAboutTabs(text string) bool {
	return slices.ContainsFunc(aboutTabs, func(said string) bool { return strings.Contains(text, said) })
}
