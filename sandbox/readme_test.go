package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeListsEveryTypeThatIsPlayed holds the table against the inventories of
// what the program registers.
func TestReadmeListsEveryTypeThatIsPlayed(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := string(readme)[strings.Index(string(readme), "| type |"):]
	custom := regexp.MustCompile(`(?m)^(azure-native\w*|azuread|github|command|docker|tls):\S*:(\w+) `)
	types := map[string]bool{}
	for _, file := range []string{"../testdata/sandbox.inventory", "../delivery/testdata/inventory.txt", "../infra/testdata/inventory.txt"} {
		inventory, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range custom.FindAllStringSubmatch(string(inventory), -1) {
			types[found[2]] = true
		}
	}
	if len(types) < 25 {
		t.Errorf("only %d types were found in the inventories", len(types))
	}
	for name := range types {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(table) {
			t.Errorf("the table does not list %s", name)
		}
	}
}
