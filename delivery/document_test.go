package delivery

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The text around the tables of docs/outputs.md.
var (
	//go:embed outputs.md
	aboutOutputs string
	//go:embed settings.md
	aboutSettings string
)

// document is the text of docs/outputs.md; a test compares the file with it.
func document(a Args) string {
	list := candidates(a, nil)
	return aboutOutputs + "\n" + outputTable(outputs(a)) + "\n" + aboutSettings +
		"\n### code-repo\n\n" + settingTable(list, a.CodeRepo) +
		"\n### stack-repo\n\n" + settingTable(list, a.StackRepo)
}

// outputTable documents the outputs.
func outputTable(list []output) string {
	var text strings.Builder
	fmt.Fprintln(&text, "| name | type | secret | what | who reads it |\n| --- | --- | --- | --- | --- |")
	for _, o := range list {
		secret := ""
		if o.secret {
			secret = "yes"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s | %s |\n", o.name, o.kind, secret, o.says, o.reader)
	}
	return text.String()
}

// settingTable documents the settings of a repository.
func settingTable(list []setting, repository string) string {
	var text strings.Builder
	fmt.Fprintln(&text, "| name | kind | output | what |\n| --- | --- | --- | --- |")
	for _, s := range list {
		if s.repository != repository {
			continue
		}
		kind := "variable"
		if s.secret {
			kind = "secret"
			if s.environment != "" {
				kind = "secret of the environment"
			}
		}
		output := ""
		if s.output != "" {
			output = "`" + s.output + "`"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", s.name, kind, output, s.says)
	}
	return text.String()
}

// The documentation is generated, so that it cannot lie.
func TestDocumentation(t *testing.T) {
	const path = "../docs/outputs.md"
	got := document(arguments(both))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || string(want) != got {
		t.Errorf("%s is not what the program exports (%v); UPDATE_GOLDEN=1 go test ./delivery writes it", path, err)
	}
}
