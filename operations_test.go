package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tried are the entries of docs/operations.md for faults, each with what tries it: a test,
// or a fault of TestLongFaults.
var tried = map[string]string{
	"a-node-is-down": `func TestPreviewShowsWhatSomebodyChanged(`,
	"the-first-manager-is-gone-frozen-or-cut-off":   `func TestLongFirstIsFrozen(`,
	"a-manager-died-in-the-middle-of-a-deployment":  `"the manager that deploys dies"`,
	"the-quorum-is-lost":                            `func TestLongQuorumIsLost(`,
	"a-full-disk":                                   `func TestFullDiskDoesNotBlockARelease(`,
	"the-registry-is-down":                          `"the registry is away"`,
	"two-deployments-at-once":                       `func TestTwoPushesAtTheSameTimeBothEndWell(`,
	"a-node-does-not-come-up":                       `func TestLongFailingAptRunNamesTheHostAndItsOutput(`,
	"pulumi-up-hangs-at-dial--failed-retrying":      `func TestPreviewNamesANodeWithoutSSH(`,
	"what-a-preview-shows-of-what-somebody-changed": `func TestPreviewShowsWhatSomebodyChanged(`,
	"pulumi-up-was-killed":                          `func TestInterruptedRunsCanBeRunAgain(`,
	"fewer-nodes":                                   `func TestNodeWithBoundDataDoesNotGo(`,
	"a-volume-is-lost":                              `func TestLostVolume(`,
	"backups-are-there-any":                         `func TestLongEverythingIsLost(`,
	"everything-is-lost":                            `func TestLongEverythingIsLost(`,
}

// anchors are the headings of a document, as GitHub links to them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	other := regexp.MustCompile(`[^a-z0-9 -]`)
	for _, heading := range regexp.MustCompile(`(?m)^###? (.*)$`).FindAllStringSubmatch(text, -1) {
		found[strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-")] = true
	}
	return found
}

// Every fault has an entry, and a test has tried it.
func TestEveryFaultHasAnEntryThatIsTried(t *testing.T) {
	content, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(content), "\n## Which entry for which fault\n")
	table, _, _ = strings.Cut(table, "\n## ")
	headings, listed := anchors(string(content)), map[string]bool{}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\) \|\n`).FindAllStringSubmatch(table, -1) {
		listed[link[1]] = true
		if !headings[link[1]] || tried[link[1]] == "" {
			t.Errorf("#%s: an entry: %t, tried by %q", link[1], headings[link[1]], tried[link[1]])
		}
	}
	var tests strings.Builder
	files, _ := filepath.Glob("e2e/*_test.go")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for entry, test := range tried {
		if !listed[entry] || !strings.Contains(tests.String(), test) {
			t.Errorf("#%s: in the table: %t, and there has to be a test with %s", entry, listed[entry], test)
		}
	}
}

// Every link of the tables and the text, to this page and to the other one, leads to a
// heading that is there.
func TestLinksOfTheOperationsPageLeadSomewhere(t *testing.T) {
	pages := map[string]string{}
	for _, name := range []string{"operations.md", "delivery.md"} {
		content, err := os.ReadFile("docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(content)
	}
	for from, text := range pages {
		links := regexp.MustCompile(`\]\(([a-z]+\.md)?#([^)\s]*)\)`).FindAllStringSubmatch(text, -1)
		if len(links) == 0 {
			t.Errorf("%s: %d links were found", from, len(links))
		}
		for _, link := range links {
			to := link[1]
			if to == "" {
				to = from
			}
			if pages[to] != "" && !anchors(pages[to])[link[2]] {
				t.Errorf("%s: #%s is not a heading of %s", from, link[2], to)
			}
		}
	}
}
