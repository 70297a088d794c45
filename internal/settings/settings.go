// Package settings fills Config structs from flat configuration keys, strictly. An unknown
// key is an error that names the nearest known one, where Pulumi's own SDK would silently
// ignore it. All problems are reported together.
package settings

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
)

// Set is the project's keys and raw values: numbers and booleans as text,
// lists and objects as JSON, as the engine hands them to a program.
type Set struct {
	Values map[string]string
	known  map[string]bool
}

// Parse takes the engine's configuration, `namespace:key` to value, and keeps
// the keys of this project.
func Parse(all map[string]string) *Set {
	s := &Set{Values: map[string]string{}, known: map[string]bool{}}
	for key, value := range all {
		if name, ok := strings.CutPrefix(key, Name("")); ok {
			s.Values[name] = value
		}
	}
	return s
}

// Known declares keys that are read elsewhere, such as secrets.
func (s *Set) Known(keys ...string) {
	for _, key := range keys {
		s.known[key] = true
	}
}

// Fill sets the fields of the struct that config points to. A field's key is
// its name in lower camel case (SSHCidrs is sshCidrs); embedded structs count
// as their fields. Fields whose key is not configured keep their value.
func (s *Set) Fill(config any) []error {
	var problems []error
	value := reflect.ValueOf(config).Elem()
	for _, field := range reflect.VisibleFields(value.Type()) {
		if field.Anonymous || !field.IsExported() {
			continue
		}
		key := Key(field.Name)
		s.known[key] = true
		raw, ok := s.Values[key]
		if !ok {
			continue
		}
		if err := parse(raw, value.FieldByIndex(field.Index)); err != nil {
			problems = append(problems, Problemf(key, "%w", err))
		}
	}
	return problems
}

// Unknown reports the configured keys that were neither declared nor filled. Call it after
// every Fill.
func (s *Set) Unknown() []error {
	var problems []error
	for _, key := range sorted(s.Values) {
		if s.known[key] {
			continue
		}
		problems = append(problems, Problemf(key, "unknown key%s", s.hint(key)))
	}
	return problems
}

// hint names the nearest known key, if it is similar enough.
func (s *Set) hint(key string) string {
	best := Nearest(key, sorted(s.known), len(key)/2)
	if best == "" {
		return "; `pulumi config` lists what is set, docs/configuration.md what can be set"
	}
	return fmt.Sprintf("; did you mean %s?", Name(best))
}

// longestMeant is the longest text, in bytes, for which Nearest looks: names that people
// misspell are short, and texts come from strangers.
const longestMeant = 64

// Nearest is the candidate that needs the fewest edits to become the text, regardless of
// upper and lower case; of several it is the first. It is empty if more than limit edits
// would be needed, or if the text is long.
func Nearest(text string, candidates []string, limit int) string {
	if len(text) > longestMeant {
		return ""
	}
	best, distance := "", limit+1
	for _, candidate := range candidates {
		if max(len(candidate)-len(text), len(text)-len(candidate)) >= distance {
			continue
		}
		if d := levenshtein.Distance(strings.ToLower(text), strings.ToLower(candidate), nil); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// Key is the configuration key of a Go field name: its leading capitals become lower case,
// except one that begins the next word.
func Key(field string) string {
	letters := []rune(field)
	for i := range letters {
		startsWord := i > 0 && i+1 < len(letters) && unicode.IsLower(letters[i+1])
		if !unicode.IsUpper(letters[i]) || startsWord {
			break
		}
		letters[i] = unicode.ToLower(letters[i])
	}
	return string(letters)
}

func parse(raw string, field reflect.Value) error {
	switch field.Kind() {
	case reflect.String:
		field.SetString(raw)
	case reflect.Int:
		n, err := strconv.Atoi(raw)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", raw)
		}
		field.SetInt(int64(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(raw)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", raw)
		}
		field.SetBool(b)
	case reflect.Map:
		object, err := texts(raw)
		if err != nil {
			return err
		}
		field.Set(reflect.ValueOf(object))
	default:
		if err := json.Unmarshal(quoted(raw, field.Type()), field.Addr().Interface()); err != nil {
			return fmt.Errorf("%s is not %s; `pulumi config set --path 'KEY[0]' VALUE` sets the first of a list", raw, describe(field.Type()))
		}
	}
	return nil
}

// quoted puts quotes around whole numbers in a list of texts: `pulumi config set --path`
// turns digits into numbers.
func quoted(raw string, list reflect.Type) []byte {
	var items []any
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if list.Elem().Kind() != reflect.String || decoder.Decode(&items) != nil || items == nil || decoder.More() {
		return []byte(raw)
	}
	for i, item := range items {
		if number, ok := item.(json.Number); ok {
			if _, err := number.Int64(); err == nil {
				items[i] = number.String()
			}
		}
	}
	text, err := json.Marshal(items)
	if err != nil {
		return []byte(raw)
	}
	return text
}

// texts reads an object of texts. A whole number or a boolean counts as the text that it
// was: `pulumi config set --path` turns such texts into numbers and booleans.
func texts(raw string) (map[string]string, error) {
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("not an object of texts; `pulumi config set --path 'KEY.NAME' VALUE` sets one")
	}
	all := map[string]string{}
	for _, name := range sorted(object) {
		switch value := object[name].(type) {
		case string:
			all[name] = value
			continue
		case bool:
			all[name] = strconv.FormatBool(value)
			continue
		case json.Number:
			if _, err := value.Int64(); err == nil {
				all[name] = value.String()
				continue
			}
		}
		return nil, fmt.Errorf("%s is not a text; write it in quotes", name)
	}
	return all, nil
}

func describe(t reflect.Type) string {
	if t.Elem().Kind() == reflect.Int {
		return "a list of whole numbers"
	}
	return "a list"
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
