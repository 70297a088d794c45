// Package azuretypes checks what a program registers against Azure's published type
// definitions, as the program's version of the provider has them. No compiler checks
// resources that are registered by their token, and the SDK's own Go types leave out most
// values of Azure's enumerations.
//
// types.json is an extract from the provider's package for TypeScript, which has all of it;
// the command extract writes it. keyvault.json was written by hand: no such package has its
// API version. It uses the provider's names for properties that the API calls otherwise
// (exp is expires, nbf is notBefore). It has "any" for everything below access policies and
// address rules, which the program does not use.
package azuretypes

import (
	_ "embed"
	"encoding/json"
	"strings"
)

// Table is the published definition of some resource types, and of the objects and
// enumerations that they consist of.
type Table struct {
	// Source is where the definitions come from.
	Source string `json:"source"`
	// Package is the part with which every token begins.
	Package string `json:"package"`
	// Version is the provider's version.
	Version string `json:"version"`
	// Resources are the inputs of each type, by its token.
	Resources map[string]Object `json:"resources"`
	// Objects are the parts that inputs consist of, by their names in the source.
	Objects map[string]Object `json:"objects"`
	// Enums are the values of each enumeration.
	Enums map[string][]string `json:"enums"`
}

// Object is a resource's inputs, or a part of them.
type Object struct {
	// Inputs are the types of the properties that may be given. The name of an optional
	// property ends in a question mark.
	//
	// A type is string, number, boolean, any, list<TYPE>, map<TYPE>, the name of an object
	// or of an enumeration, or several of these with " | " between them. An enumeration
	// beside string is one that Azure calls open: it may get further values.
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

var (
	//go:embed types.json
	native []byte
	//go:embed keyvault.json
	keyVault []byte
)

// Tables are those of all packages whose resources the program registers.
type Tables []*Table

// Load reads the tables that belong to the program.
func Load() (Tables, error) {
	var tables Tables
	for _, text := range [][]byte{native, keyVault} {
		table := &Table{}
		if err := json.Unmarshal(text, table); err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// Of is the table of a token's package; nil when there is none.
func (t Tables) Of(token string) *Table {
	name, _, _ := strings.Cut(token, ":")
	for _, table := range t {
		if table.Package == name {
			return table
		}
	}
	return nil
}
