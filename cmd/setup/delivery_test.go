package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"averazure/internal/handbook"
)

// step is one of the numbered steps of docs/delivery.md.
type step struct {
	text  string
	calls []string // every line of its code blocks, and every text in backticks
}

// steps reads them, and fails unless they are numbered from 1.
func steps(t *testing.T) []step {
	t.Helper()
	page, err := handbook.Read(filepath.Join(root, "docs", "delivery.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := page.Section(`From nothing to "push deploys"`)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ = strings.Cut(text, "\n### ")
	starts := regexp.MustCompile(`(?m)^\*\*(\d+)\. `).FindAllStringSubmatchIndex(text, -1)
	var all []step
	for i, at := range starts {
		if number := text[at[2]:at[3]]; number != strconv.Itoa(i+1) {
			t.Errorf("step %s is the %dth", number, i+1)
		}
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		one := step{text: text[at[0]:end]}
		for _, found := range regexp.MustCompile("(?ms)^```\n(.*?)^```$|`([^`]+)`").FindAllStringSubmatch(one.text, -1) {
			one.calls = append(one.calls, strings.Split(strings.TrimSpace(found[1]+strings.ReplaceAll(found[2], "\n", " ")), "\n")...)
		}
		all = append(all, one)
	}
	return all
}

// arguments are those with which the first `make setup` of a step runs this program.
func (s step) arguments(t *testing.T) []string {
	t.Helper()
	for _, call := range s.calls {
		if !strings.HasPrefix(call, "make setup ") {
			continue
		}
		make := exec.Command("make", append([]string{"--dry-run", "--no-print-directory"}, strings.Fields(call)[1:]...)...)
		make.Dir = root
		out, err := make.Output()
		if err != nil {
			t.Fatalf("%s: %v", call, err)
		}
		statements, err := handbook.Statements(string(out))
		if err != nil || len(statements) != 1 || len(statements[0].Calls) != 1 {
			t.Fatalf("%s runs %s, %v", call, out, err)
		}
		words := statements[0].Calls[0]
		if strings.Join(words[:3], " ") != "go run ./cmd/setup" {
			t.Fatalf("%s runs %q", call, words)
		}
		return words[3:]
	}
	t.Fatalf("no `make setup` in\n%s", s.text)
	return nil
}

// lastLine is the last line that a page promises, or only its beginning where the page says
// so.
var lastLine = regexp.MustCompile("Check: the last line (?:is|\\s*begins\\s+with) `([^`]+)`")

// promised fails unless the printed text ends with the line that the page promises.
func (s step) promised(t *testing.T, said string) {
	t.Helper()
	found := lastLine.FindStringSubmatch(strings.ReplaceAll(s.text, "\n", " "))
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if found == nil || !strings.HasPrefix(lines[len(lines)-1], found[1]) {
		t.Errorf("the page promises %q, and the last line is %q", found, lines[len(lines)-1])
	}
}

// TestTheStepsOfTheDocumentWork follows docs/delivery.md step by step: with the arguments
// that it names, in a world that has nothing, and with the last lines that it promises.
func TestTheStepsOfTheDocumentWork(t *testing.T) {
	all := steps(t)
	if len(all) != 10 {
		t.Fatalf("there are %d steps", len(all))
	}
	for i, one := range all {
		if browser := strings.HasPrefix(one.text, "**2.") || strings.HasPrefix(one.text, "**7."); strings.Contains(one.text, "Check:") == browser {
			t.Errorf("step %d: a check is there: %t", i+1, !browser)
		}
	}
	// The page decides who may log in before a step starts a pipeline, and `pulumi up` runs
	// twice.
	if before, _, _ := strings.Cut(all[2].text, "```"); !strings.Contains(before, "0.0.0.0/0") {
		t.Error("step 3 does not say beforehand which addresses GitHub's runners need")
	}
	if ups := regexp.MustCompile("(?m)^\\*\\*\\d+\\. Run `pulumi up`").FindAllString(all[3].text+"\n"+all[8].text, -1); len(ups) != 2 {
		t.Errorf("steps 4 and 9 are %q", ups)
	}
	for _, tool := range tools {
		if !strings.Contains(strings.ToLower(all[0].text), tool.name) {
			t.Errorf("step 1 does not name %s", tool.name)
		}
	}
	p := newPlace(t, false)
	said, err := p.run("yes\nthe-token\n", all[2].arguments(t)...)
	if err != nil {
		t.Fatal(err)
	}
	all[2].promised(t, said)
	p.world.Outputs["deployerClientId"] = "client-1"
	said, err = p.run("yes\nwrites\nreads\n", all[7].arguments(t)...)
	if next := "next: " + all[4].calls[0] + ";"; err != nil || !strings.Contains(said, next) {
		t.Errorf("before the first release: %v, it does not say %q:\n%s", err, next, said)
	}
	p.world.Deployed = true
	if said, err = p.run("yes\n", all[7].arguments(t)...); err != nil {
		t.Fatal(err)
	}
	all[7].promised(t, said)
	if !slices.ContainsFunc(all[8].calls, func(call string) bool { return strings.Contains(said, "next: "+call+",") }) {
		t.Errorf("step 9 is %q, and it says:\n%s", all[8].calls, said)
	}
	for i, dir := range map[int]string{4: "repos/code-repo", 8: ".", 9: "."} {
		name := regexp.MustCompile(`gh workflow run (\S+)`).FindStringSubmatch(strings.Join(all[i].calls, "\n"))
		if name == nil {
			t.Fatalf("step %d runs no workflow", i+1)
		}
		if _, err := os.Stat(filepath.Join(root, dir, ".github", "workflows", name[1])); err != nil {
			t.Error(err)
		}
	}
}
