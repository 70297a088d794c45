// Command extract writes internal/azuretypes/types.json from the provider's package for
// TypeScript: the types of the tokens that the file has already, and of those that it is
// given. To drop a type, remove it from the file first.
//
//	npm pack @pulumi/azure-native@2.90.0 && tar xzf pulumi-azure-native-2.90.0.tgz
//	go run ./internal/azuretypes/extract package [TOKEN...]
//
// It writes names, types and values, and none of the package's code.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"averazure/internal/azuretypes"
)

// file is relative to the repository's root, in which the command has to run.
const file = "internal/azuretypes/types.json"

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: go run ./internal/azuretypes/extract PACKAGE-DIRECTORY [TOKEN...]")
	}
	old, err := azuretypes.Load()
	if err != nil {
		return err
	}
	tokens := slices.Clone(args[1:])
	if table := old.Of("azure-native"); table != nil {
		tokens = slices.AppendSeq(tokens, maps.Keys(table.Resources))
	}
	slices.Sort(tokens)
	table, err := extract(args[0], slices.Compact(tokens))
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// extract reads the types of some tokens, and everything that they are made of.
func extract(dir string, tokens []string) (*azuretypes.Table, error) {
	var manifest struct {
		Name, Version string
		Pulumi        struct{ Name string }
	}
	if err := readJSON(filepath.Join(dir, "package.json"), &manifest); err != nil {
		return nil, err
	}
	r := &reader{dir: dir, table: &azuretypes.Table{
		Source:    fmt.Sprintf("the npm package %s %s", manifest.Name, manifest.Version),
		Package:   manifest.Pulumi.Name,
		Version:   manifest.Version,
		Resources: map[string]azuretypes.Object{}, Objects: map[string]azuretypes.Object{}, Enums: map[string][]string{},
	}}
	var err error
	if r.inputs, err = declarations(filepath.Join(dir, "types", "input.d.ts")); err != nil {
		return nil, err
	}
	if r.outputs, err = declarations(filepath.Join(dir, "types", "output.d.ts")); err != nil {
		return nil, err
	}
	for _, token := range tokens {
		if err := r.resource(token); err != nil {
			return nil, fmt.Errorf("%s: %w", token, err)
		}
	}
	return r.table, nil
}

func readJSON(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}
