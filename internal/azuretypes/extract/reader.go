package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"averazure/internal/azuretypes"
)

// reader collects types from one package.
type reader struct {
	dir             string
	inputs, outputs map[string]declaration
	table           *azuretypes.Table
}

// resource reads a resource's type: package:module:Name is Name in module/name.d.ts.
func (r *reader) resource(token string) error {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return errors.New("not the token of a resource")
	}
	name := parts[2]
	path := filepath.Join(r.dir, filepath.FromSlash(parts[1]), strings.ToLower(name[:1])+name[1:]+".d.ts")
	found, err := declarations(path)
	if err != nil {
		return err
	}
	args, known := found[name+"Args"]
	if !known {
		return fmt.Errorf("%s has no %sArgs", path, name)
	}
	object, err := r.object(args, found[name])
	r.table.Resources[token] = object
	return err
}

// object reads the properties that may be given. Outputs that may not be given are
// read-only.
func (r *reader) object(inputs, outputs declaration) (azuretypes.Object, error) {
	object := azuretypes.Object{Inputs: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		typ, err := translate(inputs[name])
		if err != nil {
			return object, fmt.Errorf("%s: %w", name, err)
		}
		object.Inputs[name] = typ
		if err := r.named(typ); err != nil {
			return object, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		name = strings.TrimSuffix(name, "?")
		_, required := inputs[name]
		_, optional := inputs[name+"?"]
		if !required && !optional {
			object.ReadOnly = append(object.ReadOnly, name)
		}
	}
	return object, nil
}

// named reads the objects and enumerations that a type names.
func (r *reader) named(typ string) error {
	for _, word := range strings.FieldsFunc(typ, func(r rune) bool { return strings.ContainsRune("<>| ", r) }) {
		kind, name, _ := strings.Cut(word, ".")
		switch {
		case kind == "enums" && r.table.Enums[word] == nil:
			module := strings.Split(name, ".")
			last := len(module) - 1
			values, err := enumeration(filepath.Join(r.dir, "types", "enums", filepath.Join(module[:last]...), "index.d.ts"), module[last])
			if err != nil {
				return err
			}
			r.table.Enums[word] = values
		case kind == "inputs" && r.table.Objects[word].Inputs == nil:
			declared, known := r.inputs[name]
			if !known {
				return fmt.Errorf("no %s in input.d.ts", name)
			}
			r.table.Objects[word] = azuretypes.Object{Inputs: map[string]string{}} // it may contain itself
			object, err := r.object(declared, r.outputs[strings.TrimSuffix(name, "Args")+"Response"])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.table.Objects[word] = object
		}
	}
	return nil
}

// translate writes a TypeScript type in the form of azuretypes.Object: lists and maps are
// written in front, and the parts that only say that a value may be known later are left
// out.
func translate(typ string) (string, error) {
	typ = strings.TrimSpace(typ)
	if parts := union(typ); len(parts) > 1 {
		for i, part := range parts {
			var err error
			if parts[i], err = translate(part); err != nil {
				return "", err
			}
			if strings.Contains(parts[i], "<") {
				return "", fmt.Errorf("%q: a list or map beside another type is not provided for", typ)
			}
		}
		return strings.Join(parts, " | "), nil
	}
	if later, ok := strings.CutPrefix(typ, "pulumi.Input<"); ok && strings.HasSuffix(later, ">") {
		return translate(strings.TrimSuffix(later, ">"))
	}
	if element, ok := strings.CutSuffix(typ, "[]"); ok {
		return wrap("list", element)
	}
	if element, ok := strings.CutPrefix(typ, "{[key: string]: "); ok {
		return wrap("map", strings.TrimRight(element, ";}"))
	}
	if slices.Contains([]string{"string", "number", "boolean", "any"}, typ) || strings.HasPrefix(typ, "inputs.") || strings.HasPrefix(typ, "enums.") {
		return typ, nil
	}
	return "", fmt.Errorf("%q is not provided for", typ)
}

func wrap(of, element string) (string, error) {
	element, err := translate(element)
	return of + "<" + element + ">", err
}

// union splits a type at the bars outside of brackets.
func union(typ string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range typ {
		switch r {
		case '<', '{', '(':
			depth++
		case '>', '}', ')':
			depth--
		case '|':
			if depth == 0 {
				parts, start = append(parts, typ[start:i]), i+1
			}
		}
	}
	return append(parts, typ[start:])
}
