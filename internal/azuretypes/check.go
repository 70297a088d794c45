package azuretypes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/recorder"
)

// Kind is what is wrong with an input.
type Kind string

// The kinds of problems.
const (
	// UnknownResource is a type that the table does not have.
	UnknownResource Kind = "unknown resource type"
	// UnknownProperty is a name that the type does not have.
	UnknownProperty Kind = "unknown property"
	// ReadOnly is a property that only Azure sets.
	ReadOnly Kind = "read-only property"
	// Missing is a property that has to be given.
	Missing Kind = "missing property"
	// WrongType is a value of another type than the property's.
	WrongType Kind = "wrong type"
	// WrongValue is a value that the property's enumeration does not have.
	WrongValue Kind = "wrong value"
)

// Problem is one input that Azure would refuse or ignore.
type Problem struct {
	Kind Kind
	// Token is the resource's type and Path the property in it (a.b[0].c).
	Token, Path string
	// Got is the value that is there, and Allowed the values that may be there.
	Got, Allowed string
}

func (p Problem) String() string {
	text := fmt.Sprintf("%s: %s: %s", p.Token, p.Path, p.Kind)
	if p.Got != "" {
		text += " " + p.Got
	}
	if p.Allowed != "" {
		text += "; allowed: " + p.Allowed
	}
	return text
}

// incomplete are enumerations that do not have every value that Azure takes, each
// with the reason.
var incomplete = map[string]string{
	"enums.compute.v20230301.VirtualMachineSizeTypes": "deprecated: sizes since 2018 are not in it; which ones there are depends on region and subscription",
}

// Check compares a resource's inputs with the table. Values that a preview cannot know fit
// every type.
func (t *Table) Check(token string, inputs resource.PropertyMap) []Problem {
	c := &check{table: t, token: token}
	object, known := t.Resources[token]
	if !known {
		c.add(UnknownResource, "-", "", "what is in "+t.Source)
		return c.problems
	}
	plain, _ := recorder.Plain(resource.NewProperty(inputs)).(map[string]any)
	c.object(object, plain, "")
	return c.problems
}

// check goes through one resource and collects its problems.
type check struct {
	table    *Table
	token    string
	problems []Problem
}

func (c *check) add(kind Kind, path, got, allowed string) {
	c.problems = append(c.problems, Problem{Kind: kind, Token: c.token, Path: path, Got: got, Allowed: allowed})
}

func (c *check) object(object Object, values map[string]any, path string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		typ, known := object.input(name)
		switch {
		case known:
			c.value(typ, values[name], at)
		case slices.Contains(object.ReadOnly, name):
			c.add(ReadOnly, at, "", list(object.names()))
		default:
			c.add(UnknownProperty, at, "", list(object.names()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object.Inputs)) {
		if _, given := values[name]; !given && !strings.HasSuffix(name, "?") {
			c.add(Missing, strings.TrimPrefix(path+"."+name, "."), "", object.Inputs[name])
		}
	}
}

// value checks a value against a type.
func (c *check) value(typ string, value any, path string) {
	if _, unknown := value.(recorder.Unknown); unknown || typ == "any" {
		return
	}
	if element, ok := inside(typ, "list"); ok {
		values, fits := value.([]any)
		if !fits {
			c.add(WrongType, path, describe(value), typ)
		}
		for i, v := range values {
			c.value(element, v, fmt.Sprintf("%s[%d]", path, i))
		}
		return
	}
	if element, ok := inside(typ, "map"); ok {
		values, fits := value.(map[string]any)
		if !fits {
			c.add(WrongType, path, describe(value), typ)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			c.value(element, values[key], path+"."+key)
		}
		return
	}
	c.oneOf(strings.Split(typ, " | "), value, path)
}

// inside is the type of the elements of a list or a map.
func inside(typ, of string) (string, bool) {
	element, ok := strings.CutPrefix(typ, of+"<")
	return strings.TrimSuffix(element, ">"), ok
}

// oneOf checks a value that is neither a list nor a map against the types that it
// may have.
func (c *check) oneOf(types []string, value any, path string) {
	fits := false
	switch v := value.(type) {
	case string:
		fits = slices.Contains(types, "string") || c.isEnum(types)
		if fits {
			c.enumerated(types, v, path)
		}
	case float64:
		fits = slices.Contains(types, "number")
	case bool:
		fits = slices.Contains(types, "boolean")
	case map[string]any:
		fits = c.oneObject(types, v, path)
	}
	if !fits {
		c.add(WrongType, path, describe(value), strings.Join(types, " or "))
	}
}

func (c *check) isEnum(types []string) bool {
	return slices.ContainsFunc(types, func(name string) bool { return c.table.Enums[name] != nil })
}

// enumerated checks a text against the values that its type has, if it has any. An
// open enumeration is held to them as well: a value that Azure has added since is
// rarer than a misspelt one.
func (c *check) enumerated(types []string, text, path string) {
	var values []string
	for _, name := range types {
		if incomplete[name] == "" {
			values = append(values, c.table.Enums[name]...)
		}
	}
	if len(values) > 0 && !slices.Contains(values, text) {
		c.add(WrongValue, path, fmt.Sprintf("%q", text), list(values))
	}
}

// oneObject checks an object against each of the objects that it may be, and keeps only the
// problems with the most similar one.
func (c *check) oneObject(types []string, values map[string]any, path string) bool {
	before, found := c.problems, false
	var best []Problem
	for _, name := range types {
		object, known := c.table.Objects[name]
		if !known {
			continue
		}
		c.problems = nil
		c.object(object, values, path)
		if !found || len(c.problems) < len(best) {
			best = c.problems
		}
		found = true
	}
	c.problems = append(before, best...)
	return found
}

// describe names a value's type, not the value: it may be a secret.
func describe(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list"
	case map[string]any:
		return "object"
	case nil:
		return "nothing"
	}
	return fmt.Sprintf("%T", value)
}

func list(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
