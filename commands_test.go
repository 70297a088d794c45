package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"averazure/internal/handbook"
)

// elsewhere are the programs whose commands other tests check against the program's own
// flags, and words in backticks that nobody is told to type.
var elsewhere = map[string]string{
	"stackctl":         "cmd/stackctl",
	"sandbox":          "sandbox",
	"make":             "TestTargetsThatAreNamedExist",
	"age":              "a program that messages name by its option",
	"ansible-playbook": "what a table compares with",
	"files":            "a verb of the deploy key", "deploy": "the same", "diff": "the same", "status": "the same", "releases": "the same", "rollback": "the same",
	"git": "cmd/setup's tests run it", "go": "what the sandbox itself does", "modprobe": "the same",
	"secret": "a verb of the sandbox's, without the sandbox", "ssh-ed25519": "how a key begins",
}

// TestCommandsThatAreAdvisedExist checks every command of the documents and messages: its
// program accepts it, with its flags and arguments, and its settings and outputs are this
// program's. A command that no case covers fails the test.
func TestCommandsThatAreAdvisedExist(t *testing.T) {
	used, declared, outputs := map[string]bool{}, settingsThatExist(t), documentedOutputs(t)
	check := func(where string, words []string) {
		if !handbook.IsTool(words[0]) {
			if elsewhere[words[0]] == "" {
				t.Errorf("%s: nothing tries `%s`", where, strings.Join(words, " "))
			}
			return
		}
		name, args, err := handbook.Tool(words)
		used[name] = true
		switch {
		case err != nil:
			t.Errorf("%s: %v", where, err)
		case strings.HasPrefix(name, "pulumi config ") && len(args) > 0 && !declared[key(args[0])]:
			t.Errorf("%s: %s is not a setting: %q", where, args[0], words)
		case name == "pulumi stack output" && len(args) > 0 && !outputs[args[0]]:
			t.Errorf("%s: %s is not an output", where, args[0])
		}
	}
	messages, err := handbook.Messages(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		check(m.Where, m.Words)
	}
	for _, name := range []string{"docs/operations.md", "docs/delivery.md"} {
		page, err := handbook.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, program := range []string{"az", "gh", "pulumi", "docker", "systemctl", "journalctl", "curl"} {
			calls, err := page.Calls(program)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range calls {
				check(name+", "+call.Section, call.Words)
			}
		}
	}
	mustBeUsed(t, used)
}

// key is the setting that a path belongs to. What a message fills in stands for any.
func key(path string) string {
	path = strings.TrimPrefix(path, "averazure:")
	if at := strings.IndexAny(path, ".["); at >= 0 {
		path = path[:at]
	}
	return path
}

// settingsThatExist are the settings of Pulumi.yaml, and the words that stand for one.
func settingsThatExist(t *testing.T) map[string]bool {
	keys := map[string]bool{"KEY": true, "NAME": true}
	for name := range declaredKeys(t) {
		keys[strings.TrimPrefix(name, "averazure:")] = true
	}
	return keys
}

func documentedOutputs(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"NAME": true}
	for _, found := range regexp.MustCompile("(?m)^\\| `([a-zA-Z]+)`").FindAllStringSubmatch(string(text), -1) {
		names[found[1]] = true
	}
	return names
}

// mustBeUsed fails for a command of the table that neither a document nor a message nor
// cmd/setup names.
func mustBeUsed(t *testing.T, used map[string]bool) {
	t.Helper()
	var setup strings.Builder
	files, _ := filepath.Glob("cmd/setup/*.go")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		setup.Write(text)
	}
	called := setup.String()
	for _, name := range handbook.Tools() {
		words := strings.Fields(name)
		last := words[len(words)-1]
		if !used[name] && (!slices.Contains([]string{"az", "gh", "pulumi"}, words[0]) || !strings.Contains(called, `"`+last+`"`)) {
			t.Errorf("nothing names %s", name)
		}
	}
}

// settingNamed matches averazure:KEY, and not the type of a component.
var settingNamed = regexp.MustCompile(`\baverazure:([a-z][a-zA-Z]*)(?:[^:a-zA-Z]|:\s|$)`)

// TestSettingsThatMessagesNameExist: a message that says averazure:KEY names a setting.
func TestSettingsThatMessagesNameExist(t *testing.T) {
	declared, found := settingsThatExist(t), map[string]string{}
	texts, err := handbook.Texts(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		for _, named := range settingNamed.FindAllStringSubmatch(text.Text, -1) {
			found[named[1]] = text.Where
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %v are named", slices.Sorted(maps.Keys(found)))
	}
	for name, where := range found {
		if !declared[name] {
			t.Errorf("%s: averazure:%s is not a setting", where, name)
		}
	}
}

// TestTargetsThatAreNamedExist checks that every `make ...` of the documents and messages
// names a target.
func TestTargetsThatAreNamedExist(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	messages, err := handbook.Messages(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range handbook.Of(messages, "make") {
		targets = append(targets, m.Words[1])
	}
	for _, name := range []string{"README.md", "docs/operations.md", "docs/delivery.md", "docs/performance.md", "sandbox/README.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile("(?m)(?:`|^)make ([a-z-]+)").FindAllStringSubmatch(string(text), -1) {
			targets = append(targets, found[1])
		}
	}
	if len(targets) < 5 {
		t.Fatalf("only %q are named", targets)
	}
	for _, target := range targets {
		if !strings.Contains(string(makefile), "\n"+target+":") {
			t.Errorf("there is no target %s", target)
		}
	}
}

// TestDocumentsHaveWhatNewcomersMissed checks that the documents contain what newcomers did
// not find when they had only the documents: prices, HTTPS, backups, alerting, and the
// commands that they had to guess.
func TestDocumentsHaveWhatNewcomersMissed(t *testing.T) {
	for file, wanted := range map[string][]string{
		"README.md":          {`\d+ USD a month`, `HTTPS`, "(?m)^\\| `stackctl` \\|", "(?m)^\\| `code-repo`, `stack-repo` \\|", `docs/delivery\.md`, `docs/operations\.md`},
		"docs/delivery.md":   {"`?pulumi login", `az login`, `az account show`, `PULUMI_CONFIG_PASSPHRASE`, `settings/tokens/new\?scopes=read:packages`, "(?s)make setup OWNER=.*Pulumi\\.dev\\.yaml", `(?m)^### A second laptop$`, `\bgit and Go\b`},
		"docs/operations.md": {`(?m)^## The site is down$`, `(?m)^## Only a laptop$`, `(?m)^## A full disk$`, `(?m)^## A volume is lost$`, `(?m)^## Backups: are there any\?$`, `/healthz`, "stackctl trust"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wanted {
			if !regexp.MustCompile(want).Match(text) {
				t.Errorf("%s has nothing that matches %s", file, want)
			}
		}
	}
}

// TestSettingsThatDocumentsNameExist: a document that says averazure:KEY names a setting.
func TestSettingsThatDocumentsNameExist(t *testing.T) {
	declared := settingsThatExist(t)
	for _, file := range []string{"README.md", "docs/delivery.md", "docs/operations.md", "docs/architecture.md", "docs/glossary.md", "sandbox/README.md", "Pulumi.dev.yaml", "Pulumi.prod.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range settingNamed.FindAllStringSubmatch(string(text), -1) {
			if !declared[named[1]] {
				t.Errorf("%s: averazure:%s is not a setting", file, named[1])
			}
		}
	}
}
