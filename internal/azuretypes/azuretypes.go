// Package azuretypes holds what a program registers against Azure's published
// type definitions, as the program's version of the provider has them. Types that
// are registered by their token have no compiler to check them, and the SDK's own
// Go types leave out what most of Azure's enumerations may be.
//
// types.json is an extract from the provider's package for TypeScript, which has
// all of it; the command extract writes it.
package azuretypes

import (
	_ "embed"
	"encoding/json"
	"strings"
)

// Table is what is published of some resource types, and of what they are made of.
type Table struct {
	// Source is where the definitions come from.
	Source string `json:"source"`
	// Version is the provider's version.
	Version string `json:"version"`
	// Resources have the inputs of each type, by its token.
	Resources map[string]Object `json:"resources"`
	// Objects are what inputs consist of, by their names in the source.
	Objects map[string]Object `json:"objects"`
	// Enums are the values of each enumeration.
	Enums map[string][]string `json:"enums"`
}

// Object is a resource's inputs, or a part of them.
type Object struct {
	// Inputs are the types of what may be given. The name of what may be left out
	// ends in a question mark.
	//
	// A type is string, number, boolean, any, list<TYPE>, map<TYPE>, the name of an
	// object or of an enumeration, or several of these with " | " between them. An
	// enumeration beside string is what Azure calls open: it may grow.
	Inputs map[string]string `json:"inputs"`
	// ReadOnly are the properties that only Azure sets.
	ReadOnly []string `json:"readOnly,omitempty"`
}

// input finds a property's type.
func (o Object) input(name string) (typ string, known bool) {
	for _, key := range []string{name, name + "?"} {
		if typ, known = o.Inputs[key]; known {
			return typ, true
		}
	}
	return "", false
}

// names are the properties that may be given.
func (o Object) names() []string {
	var names []string
	for name := range o.Inputs {
		names = append(names, strings.TrimSuffix(name, "?"))
	}
	return names
}

//go:embed types.json
var extract []byte

// Load reads the table that belongs to the program.
func Load() (*Table, error) {
	table := &Table{}
	return table, json.Unmarshal(extract, table)
}
