package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/backup"
	"averazure/internal/release"
	"averazure/internal/stackfile"
)

// fake is a Deployer that notes what it was asked for.
type fake struct {
	did     []string
	order   release.Order
	number  int
	result  release.Result
	err     error
	status  release.Status
	list    release.ReleaseList
	refused []release.Problem
	changes []release.Change
	holders []release.Holder
	bounds  release.Settings

	variables map[string]string
	stacks    []string

	backup  backupSettings
	backups []backup.Backup
	wish    release.Wish
}

func (f *fake) note(verb, stack string) { f.did = append(f.did, strings.TrimSpace(verb+" "+stack)) }

func (f *fake) Deploy(_ context.Context, stack string, order release.Order) release.Result {
	f.note("deploy", stack)
	f.order = order
	return f.result
}

func (f *fake) Trust(_ context.Context, stack string, order release.Order) release.Result {
	f.note("trust", stack)
	f.order = order
	return f.result
}

func (f *fake) Diff(_ context.Context, stack string, order release.Order) (release.Diff, error) {
	f.note("diff", stack)
	f.order = order
	return release.Diff{Stack: stack, Changes: f.changes, Refused: f.refused}, f.err
}

func (f *fake) Rollback(_ context.Context, stack string, number int) release.Result {
	f.note("rollback", stack)
	f.number = number
	return f.result
}

func (f *fake) Reconcile(_ context.Context, stack string) release.Result {
	f.note("reconcile", stack)
	return f.result
}

func (f *fake) Remove(_ context.Context, stack string) release.Result {
	f.note("remove", stack)
	return f.result
}

func (f *fake) Recover(context.Context) release.Result {
	f.note("recover", "")
	return f.result
}

func (f *fake) Rebalance(context.Context) release.Result {
	f.note("rebalance", "")
	return f.result
}

func (f *fake) Variables(context.Context, string) (map[string]string, error) {
	return f.variables, nil
}

func (f *fake) Status(_ context.Context, stack string) (release.Status, error) {
	f.note("status", stack)
	return f.status, f.err
}

func (f *fake) Releases(_ context.Context, stack string) (release.ReleaseList, error) {
	f.note("releases", stack)
	return f.list, f.err
}

func (f *fake) Stacks(context.Context) ([]string, error) { return f.stacks, f.err }

func (f *fake) Pause(_ context.Context, stack string, length time.Duration, why string) error {
	f.note("pause", stack+" "+length.String()+" "+why)
	return f.err
}

func (f *fake) Resume(_ context.Context, stack string) error {
	f.note("resume", stack)
	return f.err
}

func (f *fake) Holders(context.Context) ([]release.Holder, error) {
	f.note("holders", "")
	return f.holders, f.err
}

func (f *fake) Alone(ctx context.Context, wait time.Duration, action func(context.Context) error) error {
	f.note("alone", wait.String())
	if f.err != nil {
		return f.err
	}
	return action(ctx)
}

func (f *fake) Agent(ctx context.Context, alive func()) error {
	f.note("agent", "")
	alive()
	alive()
	return f.err
}

const aFile = "services:\n  api:\n    image: ghcr.io/org/api:1\n"

// call is one call of stackctl in a test.
type call struct {
	fake     *fake
	stdin    string
	env      map[string]string
	settings string

	status      int
	out, stderr string
}

func (c *call) run(t *testing.T, args ...string) *call {
	t.Helper()
	if c.fake == nil {
		c.fake = &fake{result: release.Result{Outcome: release.Runs, Release: 4, Verdict: "aver: release 4 runs"}}
	}
	path := filepath.Join(t.TempDir(), "stackctl.json")
	if c.settings != "" {
		if err := os.WriteFile(path, []byte(c.settings), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, stderr bytes.Buffer
	a := &app{in: strings.NewReader(c.stdin), out: &out, err: &stderr, settings: path,
		env: func(name string) string { return c.env[name] },
		connect: func(bounds release.Settings, _ func(string, ...any)) (deployer, error) {
			c.fake.bounds = bounds
			return c.fake, nil
		},
		connectBackups: func(s settings, _ func(string, ...any)) (backups, error) {
			c.fake.backup = *s.Backup
			return c.fake, c.fake.err
		}}
	c.status = a.run(t.Context(), args)
	c.out, c.stderr = out.String(), stderr.String()
	return c
}

func (c *call) did() string { return strings.Join(c.fake.did, ", ") }

// result reads the one JSON value on standard output.
func (c *call) result(t *testing.T) release.Result {
	t.Helper()
	var r release.Result
	decoder := json.NewDecoder(strings.NewReader(c.out))
	if err := decoder.Decode(&r); err != nil || decoder.More() {
		t.Fatalf("not one JSON value: %v: %q; status %d, %s", err, c.out, c.status, c.stderr)
	}
	return r
}

// verbLines are calls, and what each has done.
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

// TestEveryVerbIsTried by a line of TestVerbs, with and without --json, save those with a
// test of their own. The agent and the door of the deploy key have no answer of their own.
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

// Who looks has no need to name the only stack; of several, or none, nobody guesses.
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

// A stack that is not there is a mistake in the call; programs have the nodes all the same.
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

// A command's failure is one of the call, and what it says is for people.
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

// Who owns the file and who asks for it are told apart.
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

func TestInputIsBounded(t *testing.T) {
	c := (&call{stdin: ""}).run(t, "deploy", "aver", "--json")
	if r := c.result(t); c.status != 2 || r.Problems[0].Code != "file" {
		t.Errorf("nothing: %+v", r)
	}
	c = (&call{stdin: strings.Repeat("#", 3<<20)}).run(t, "deploy", "aver", "--json")
	if r := c.result(t); c.status != 2 || r.Problems[0].Code != "file" || !strings.Contains(r.Verdict, fmt.Sprint(stackfile.MaxBytes)) {
		t.Errorf("too large: %+v", r)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	_, err = (&app{in: reader}).receive("stack file", 10, 20*time.Millisecond)
	if late := (mistake{}); !errors.As(err, &late) || late.code != "file" || !strings.Contains(err.Error(), "20ms") {
		t.Errorf("nothing comes: %v", err)
	}
}

// The settings count only where nobody but root can write them.
func TestSettings(t *testing.T) {
	c := (&call{settings: `{"deployScope":"stack","converge":"20m","patience":"90s"}`}).run(t, "status", "aver")
	if c.status != 0 || c.fake.bounds.Converge != 20*time.Minute || c.fake.bounds.Patience != 90*time.Second || c.fake.bounds.Queue != release.Defaults().Queue {
		t.Errorf("%d, %+v, %s", c.status, c.fake.bounds, c.stderr)
	}
	for _, wrong := range []string{`{"deployScop":"stack"}`, `{"converge":"soon"}`, `{"converge":"-1m"}`, `nothing`} {
		if c := (&call{settings: wrong}).run(t, "status", "aver", "--json"); c.status != 2 || c.result(t).Problems[0].Code != "settings" {
			t.Errorf("%s: %d %s", wrong, c.status, c.stderr)
		}
	}
	path := filepath.Join(t.TempDir(), "open.json")
	if err := os.WriteFile(path, []byte(`{}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (&app{settings: path}).readSettings(); err == nil {
		t.Error("a file that everybody can write counts")
	}
}
