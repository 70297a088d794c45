package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fault is a row of the table of faults in docs/operations.md: the fault, its entry, and
// the tests (or faults of TestLongFaults) that try it. A row that names several faults has
// a test for each.
type fault struct {
	broke, entry string
	tried        []string
}

var faults = []fault{
	{"a worker is frozen, cut off, or its Docker stopped", "a-node-is-down", []string{"func TestLongWorkerIsDown(", "func TestLongNodeThatCannotBeReached("}},
	{"the first manager is frozen, cut off or gone, or its sshd stopped", "the-first-manager-is-gone-frozen-or-cut-off",
		[]string{"func TestLongFirstIsFrozen(", `{name: "without sshd"`, `{name: "frozen"`, `{name: "cut off"`, `{name: "gone"`}},
	{"the manager that deploys dies", "a-manager-died-in-the-middle-of-a-deployment", []string{`"the manager that deploys dies"`, "func TestLongKills("}},
	{"the leader dies while another manager deploys", "a-manager-died-in-the-middle-of-a-deployment", []string{"func TestLongLeaderIsLost("}},
	{"two of three managers do not answer", "the-quorum-is-lost", []string{`"two of three managers are silent"`, "func TestLongQuorumIsLost("}},
	{"a disk is full", "a-full-disk", []string{"func TestSlowFullDiskDoesNotBlockARelease(", "func TestSlowPreviewShowsALostVMAndAFullDisk("}},
	{"the registry does not answer", "the-registry-is-down", []string{`"the registry is away"`}},
	{"two deployments at the same time", "two-deployments-at-once", []string{"func TestTwoPushesAtTheSameTimeBothEndWell("}},
	{"a new node's apt fails, or its first boot hangs", "a-node-does-not-come-up",
		[]string{"func TestLongFailingAptRunNamesTheHostAndItsOutput(", "func TestLongFirstBootThatHangs("}},
	{"a node's sshd does not answer", "pulumi-up-hangs-at-dial--failed-retrying", []string{"func TestPreviewNamesANodeWithoutSSH(", `{"it refuses SSH"`}},
	{"somebody drained a node, removed its labels, changed daemon.json, a service or a secret", "what-a-preview-shows-of-what-somebody-changed",
		[]string{"func TestPreviewShowsWhatSomebodyChanged(", `"the record of the secrets' versions is gone"`}},
	{"`pulumi up` was killed", "pulumi-up-was-killed", []string{"func TestLongUpIsKilled(", "func TestSlowInterruptedRunsCanBeRunAgain("}},
	{"a node should go, and a service keeps data there", "fewer-nodes", []string{"func TestNodeWithBoundDataDoesNotGo("}},
	{"a volume was emptied", "a-volume-is-lost", []string{"func TestLostVolume("}},
	{"the backups fail or are late", "backups-are-there-any", []string{"func TestFailedBackupsAreReported("}},
	{"all managers are gone", "everything-is-lost", []string{"func TestLongEverythingIsLost("}},
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

// The table has exactly these faults. Each has an entry that exists, and a test that tries
// it.
func TestEveryFaultHasAnEntryThatIsTried(t *testing.T) {
	content, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(content), "\n## Which entry for which fault\n")
	table, _, _ = strings.Cut(table, "\n## ")
	listed := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]*) \|[^|]*\| \[[^]]*\]\(#([^)]*)\) \|$`).FindAllStringSubmatch(table, -1) {
		listed[row[1]] = row[2]
	}
	if rows := strings.Count(table, "](#"); rows != len(listed) || rows != len(faults) {
		t.Errorf("the table links to %d entries, %d rows were read, %d faults are known", rows, len(listed), len(faults))
	}
	headings, tests := anchors(string(content)), testsOf(t, "e2e", "internal/survey")
	for _, f := range faults {
		if listed[f.broke] != f.entry || !headings[f.entry] {
			t.Errorf("%s: the table leads to %q, want #%s; it is a heading: %t", f.broke, listed[f.broke], f.entry, headings[f.entry])
		}
		if len(f.tried) == 0 {
			t.Errorf("%s: nothing tries it", f.broke)
		}
		for _, test := range f.tried {
			if !strings.Contains(tests, test) {
				t.Errorf("%s: no test has %s", f.broke, test)
			}
		}
	}
}

// testsOf is the text of all tests in folders.
func testsOf(t *testing.T, folders ...string) string {
	t.Helper()
	var tests strings.Builder
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*_test.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no tests: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	return tests.String()
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
