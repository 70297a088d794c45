package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"averazure/sandbox/hosts"
)

// TestReadmeShowsWhatUpSays: the README shows the same commands as the first `make
// sandbox`. The end-to-end tests run them.
func TestReadmeShowsWhatUpSays(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	shown := regexp.MustCompile(`(?m)^The service is up: (\S+)\n(.+)\n(?s:.*?)http://([0-9.]+):15672`).FindStringSubmatch(readme)
	if shown == nil {
		t.Fatal("the README does not show how make sandbox ends")
	}
	out := outputs{APIURL: shown[1], EntryAddress: shown[3], ManagerIP: shown[3], Nodes: []struct{ Name string }{{"aver-manager"}}}
	opts := options{name: defaultName}
	d, err := sandboxDirs("", opts.name)
	if err != nil {
		t.Fatal(err)
	}
	room := hosts.Room{StateDir: d.state}
	if want := greetingOf(out, shown[2], room.RootFile(), opts.self()); !strings.Contains(readme, want) {
		t.Errorf("the README does not show\n%s", want)
	}
}

// TestReadmeListsEveryTypeThatIsPlayed compares the table with the inventories of
// registered resources.
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
