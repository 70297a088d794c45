package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"averazure/internal/release"
)

// verbLines are calls of stackctl, and what each of them does.
var verbLines = map[string]string{
	"deploy aver":                     "deploy aver",
	"trust aver":                      "trust aver",
	"diff aver":                       "diff aver",
	"status aver":                     "status aver",
	"releases aver":                   "releases aver",
	"rollback aver":                   "rollback aver",
	"rollback aver 7":                 "rollback aver",
	"reconcile aver":                  "reconcile aver",
	"remove aver":                     "remove aver",
	"pause aver 90m --why trying":     "pause aver 1h30m0s trying",
	"resume aver":                     "resume aver",
	"recover":                         "recover",
	"rebalance":                       "rebalance",
	"vacate aver-worker-1":            "vacate aver-worker-1",
	"idle":                            "holders",
	"agent":                           "agent",
	"version":                         "",
	"alone --wait 2m -- echo hello":   "alone 2m0s",
	"deploy aver --from pulumi":       "deploy aver",
	"deploy aver --revision 0abcdef1": "deploy aver",
}

func TestVerbs(t *testing.T) {
	for line, want := range verbLines {
		for _, asJSON := range []bool{false, true} {
			args := strings.Fields(line)
			if asJSON {
				args = append([]string{"--json"}, args...)
			}
			c := (&call{stdin: aFile}).run(t, args...)
			if c.status != 0 || c.did() != want {
				t.Errorf("%v: status %d, did %q\n%s", args, c.status, c.did(), c.stderr)
			}
			if isJSON := json.Valid([]byte(c.out)); asJSON && line != "agent" && !isJSON {
				t.Errorf("%v: not JSON: %q", args, c.out)
			}
		}
	}
}

// TestEveryVerbIsTried checks that every verb has a line of TestVerbs, which runs it with
// and without --json, or a test of its own. The agent and the deploy key's command have no
// answer of their own.
func TestEveryVerbIsTried(t *testing.T) {
	elsewhere := []string{"backup", "backups", "restore", "files", "ssh"}
	tried := map[string]bool{}
	for line := range verbLines {
		tried[strings.Fields(line)[0]] = true
	}
	for _, command := range (&app{}).rootCommand().Commands() {
		if name := command.Name(); tried[name] == slices.Contains(elsewhere, name) {
			t.Errorf("%s: a line of TestVerbs %v, a test elsewhere %v", name, tried[name], !tried[name])
		}
		if command.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s has no --json", command.Name())
		}
	}
}

// A verb that only looks needs no name if there is only one stack. With several stacks, or
// none, it does not guess.
func TestTheOnlyStackNeedsNoName(t *testing.T) {
	for _, verb := range []string{"status", "releases"} {
		for _, stacks := range [][]string{nil, {"aver"}, {"aver", "tools"}} {
			c := (&call{fake: &fake{stacks: stacks}}).run(t, verb, "--json")
			if len(stacks) == 1 {
				if c.status != 0 || c.did() != verb+" aver" {
					t.Errorf("%s of %v: status %d, did %q", verb, stacks, c.status, c.did())
				}
				continue
			}
			if r := c.result(t); c.status != 2 || r.Problems[0].Code != "usage" || c.did() != "" || !strings.Contains(r.Verdict, strings.Join(stacks, ", ")) {
				t.Errorf("%s of %v: status %d, did %q: %+v", verb, stacks, c.status, c.did(), r)
			}
		}
	}
}

// The exit status is the outcome's, and the JSON says the same.
func TestExitStatus(t *testing.T) {
	for outcome, status := range map[release.Outcome]int{release.Runs: 0, release.PutBack: 1, release.Failed: 1, release.Refused: 2, release.Busy: 3} {
		c := (&call{stdin: aFile, fake: &fake{result: release.Result{Outcome: outcome, Verdict: "so it is"}}}).run(t, "deploy", "aver", "--json")
		if c.status != status || c.result(t).Outcome != outcome || !strings.Contains(c.stderr, "stackctl: so it is\n") {
			t.Errorf("%s: status %d, %s%s", outcome, c.status, c.out, c.stderr)
		}
	}
	c := (&call{fake: &fake{holders: []release.Holder{{Stack: "aver", Host: "aver-manager-2"}}}}).run(t, "idle", "--json")
	if r := c.result(t); c.status != 3 || r.Outcome != release.Busy || !strings.Contains(r.Verdict, "aver-manager-2") {
		t.Errorf("idle: %d %+v", c.status, r)
	}
}

// A Docker that does not answer is a failure, and never "not known" or "refused".
func TestFailureOfDocker(t *testing.T) {
	for _, line := range []string{"status aver", "releases aver", "diff aver", "pause aver 1h --why x", "resume aver", "idle", "agent", "alone true", "alone false"} {
		c := (&call{stdin: aFile, fake: &fake{err: errors.New("no leader")}}).run(t, append(strings.Fields(line), "--json")...)
		if r := c.result(t); c.status != 1 || r.Outcome != release.Failed || r.Problems[0].Code != "docker" || r.Problems[0].Reason != "no leader" || len(c.fake.did) != 1 {
			t.Errorf("%s: %d %+v", line, c.status, r)
		}
	}
}

// The name of a stack that does not exist is a mistake in the call. With --json, programs
// still get the nodes.
func TestStatusOfNoStack(t *testing.T) {
	there := []string{"aver"}
	for _, asJSON := range []bool{false, true} {
		args := []string{"status", "avr"}
		if asJSON {
			args = append(args, "--json")
		}
		c := (&call{fake: &fake{status: release.Status{Stack: "avr", Unknown: &there, Nodes: []release.NodeStatus{{Name: "aver-manager"}}}}}).run(t, args...)
		if c.status != 2 || strings.Contains(c.out, "aver-manager") != asJSON || strings.Contains(c.stderr, "aver") == asJSON {
			t.Errorf("%v: %d\n%s%s", args, c.status, c.out, c.stderr)
		}
	}
}

// If the command fails, the call fails. The command's output goes to standard error, which
// is for people.
func TestAlone(t *testing.T) {
	c := (&call{}).run(t, "alone", "--json", "--", "sh", "-c", "echo said; exit 7")
	if r := c.result(t); c.status != 1 || r.Outcome != release.Failed || !strings.Contains(c.stderr, "said\n") || !strings.Contains(r.Verdict, "exit status 7") {
		t.Errorf("%d %+v\n%s", c.status, r, c.stderr)
	}
	if c := (&call{}).run(t, "alone", "--", "echo", "--json"); c.status != 0 || c.out != "" || !strings.Contains(c.stderr, "--json\n") {
		t.Errorf("%d %s", c.status, c.stderr)
	}
}

func TestMistakes(t *testing.T) {
	for line, code := range map[string]string{
		"":                                "usage",
		"staus aver":                      "usage",
		"status":                          "usage",
		"status a b":                      "usage",
		"status Aver":                     "usage",
		"status ../etc":                   "usage",
		"deploy":                          "usage",
		"deploy aver --force":             "usage",
		"deploy aver --from somewhere":    "usage",
		"deploy aver --revision main":     "usage",
		"deploy aver --actor $(id)":       "usage",
		"deploy aver --token a/b":         "usage",
		"deploy aver none.yml":            "file",
		"rollback aver 0":                 "usage",
		"rollback aver last":              "usage",
		"pause aver":                      "usage",
		"pause aver soon --why x":         "usage",
		"pause aver 1h":                   "usage",
		"pause aver 100000h --why x":      "usage",
		"pause aver -1h --why x":          "usage",
		"idle aver":                       "usage",
		"deploy aver --scope stack":       "usage",
		"alone":                           "usage",
		"agent now":                       "usage",
		"deploy aver --take-over=perhaps": "usage",
		"rollback aver 1 2":               "usage",
		"reconcile":                       "usage",
		"reconcile a b":                   "usage",
		"trust aver --from pulumi":        "usage",
		"deploy a-stack-name-that-is-much-too-long-for-anybody-to-type": "usage",
	} {
		c := (&call{stdin: aFile}).run(t, append(strings.Fields(line), "--json")...)
		if r := c.result(t); c.status != 2 || r.Outcome != release.Refused || r.Problems[0].Code != code || c.did() != "" {
			t.Errorf("%q: status %d, did %q, %+v", line, c.status, c.did(), r)
		}
	}
}

func TestEveryVerbHasAnExample(t *testing.T) {
	for _, command := range (&app{}).rootCommand().Commands() {
		if command.Example == "" || command.Short == "" {
			t.Errorf("%s has no example, or nothing is said of it", command.Name())
		}
		if c := (&call{}).run(t, command.Name(), "--help"); c.status != 0 || !strings.Contains(c.out, "Examples:\n") {
			t.Errorf("%s --help: %d\n%s%s", command.Name(), c.status, c.out, c.stderr)
		}
	}
}

// The owner of the file (From) and the one who asks for the deployment (By) are told apart.
func TestOrders(t *testing.T) {
	request := `{"stackctl":1,"files":[{"name":"stack.yml","text":"services: {api: {image: a}}"}],"images":{"api":"b@sha256:cc"},"secrets":{"key":"key-1"}}`
	for _, test := range []struct {
		line, stdin string
		want        release.Order
	}{
		{"deploy aver", aFile, release.Order{From: "pulumi", By: "person"}},
		{"deploy aver --take-over", aFile, release.Order{From: "pulumi", By: "person", TakeOver: true}},
		{"deploy aver --from pulumi --token abc", request, release.Order{From: "pulumi", By: "pulumi", Token: "abc"}},
		{"deploy aver --from stack-repo --revision 0123456789abcdef --actor dependabot[bot]", aFile,
			release.Order{From: "stack-repo", By: "stack-repo", Revision: "0123456789abcdef", Actor: "dependabot[bot]"}},
	} {
		c := (&call{stdin: test.stdin}).run(t, strings.Fields(test.line)...)
		got := c.fake.order
		if c.status != 0 || got.File == nil || !got.File.Has("api") {
			t.Fatalf("%s: %d %s", test.line, c.status, c.stderr)
		}
		if test.stdin == request && (got.Images["api"] != "b@sha256:cc" || got.Secrets["key"] != "key-1") {
			t.Errorf("%s: %+v", test.line, got)
		}
		got.File, got.Images, got.Secrets = nil, nil, nil
		if got.From != test.want.From || got.By != test.want.By || got.Token != test.want.Token || got.TakeOver != test.want.TakeOver ||
			got.Revision != test.want.Revision || got.Actor != test.want.Actor || got.Scope != "" {
			t.Errorf("%s: got %+v, want %+v", test.line, got, test.want)
		}
	}
	path := filepath.Join(t.TempDir(), "mine.yml")
	if err := os.WriteFile(path, []byte(aFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := (&call{}).run(t, "deploy", "aver", path); c.status != 0 || !c.fake.order.File.Has("api") {
		t.Errorf("a named file: %d %s", c.status, c.stderr)
	}
}

// Releases hold the values of variables; what is printed must not.
func TestReleasesShowNoSpecs(t *testing.T) {
	file := strings.Replace(aFile, "image:", "environment: {PASSWORD: geheim}\n    image:", 1)
	c := (&call{stdin: file}).run(t, "deploy", "aver")
	specs, err := c.fake.order.File.Specs("aver", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := release.ReleaseList{Releases: []release.ReleaseStatus{release.Release{Number: 3, By: "pulumi", Actor: "ada", Specs: specs}.Summary()}}
	for _, args := range [][]string{{"releases", "aver"}, {"releases", "aver", "--json"}} {
		c := (&call{fake: &fake{list: list}}).run(t, args...)
		if c.status != 0 || strings.Contains(c.out, "geheim") || !strings.Contains(c.out, "ghcr.io/org/api:1") || !strings.Contains(c.out, "ada") {
			t.Errorf("%v: %d\n%s%s", args, c.status, c.out, c.stderr)
		}
	}
}
