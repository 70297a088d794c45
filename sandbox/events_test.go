package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"averazure/sandbox/workspace"
)

// urnOf is a resource's URN in these tests.
func urnOf(kind, name string) string { return "urn:pulumi:sandbox::averazure::" + kind + "::" + name }

func begins(op apitype.OpType, kind, name string, custom bool) apitype.EngineEvent {
	return apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{Metadata: apitype.StepEventMetadata{
		Op: op, URN: urnOf(kind, name), New: &apitype.StepEventStateMetadata{Custom: custom}}}}
}

func says(severity, kind, name, message string) apitype.EngineEvent {
	return apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{URN: urnOf(kind, name), Severity: severity, Message: message + "\n"}}
}

func TestResourcesThatTheEngineWaitsForAreNamed(t *testing.T) {
	run, start := newEngineRun(), time.Now()
	run.take(says("info", "pulumi:pulumi:Stack", "averazure-sandbox", "compiling the program"), start)
	if got := run.waiting(start); got != "the program: compiling the program" {
		t.Errorf("waiting for %q", got)
	}
	for i, event := range []apitype.EngineEvent{
		begins(apitype.OpCreate, "averazure:stack:Stack", "aver", false),
		begins(apitype.OpSame, "tls:index/privateKey:PrivateKey", "key", true),
		begins(apitype.OpCreate, "command:remote:Command", "aver-worker-1-prepare", true),
		begins(apitype.OpUpdate, "docker:index/image:Image", "aver-image", true),
		says("info", "command:remote:Command", "aver-worker-1-prepare", "aver-worker-1: installing Docker\nmore"),
	} {
		run.take(event, start.Add(time.Duration(i)*time.Second))
	}
	if got, want := run.waiting(start.Add(10*time.Second)), "aver-worker-1-prepare (create, 8 s): aver-worker-1: installing Docker; aver-image (update, 7 s)"; got != want {
		t.Errorf("waiting for %q, want %q", got, want)
	}
	run.take(apitype.EngineEvent{ResOutputsEvent: &apitype.ResOutputsEvent{Metadata: begins(apitype.OpUpdate, "docker:index/image:Image", "aver-image", true).ResourcePreEvent.Metadata}}, start)
	run.take(apitype.EngineEvent{ResOpFailedEvent: &apitype.ResOpFailedEvent{Metadata: begins(apitype.OpCreate, "command:remote:Command", "aver-worker-1-prepare", true).ResourcePreEvent.Metadata}}, start)
	if got := run.waiting(start); got != "" {
		t.Errorf("after the end of all: %q", got)
	}
}

// A failure is one block: the most important sentence first, no command line, and
// commands that work in the sandbox.
func TestAFailureBeginsWithTheSentenceThatMatters(t *testing.T) {
	const ran = "Process exited with status 1: running \"sudo -n timeout bash\":\nout"
	run := newEngineRun()
	for _, event := range []apitype.EngineEvent{
		says("error", "command:remote:Command", "aver-deploy", "service aver_api on aver-worker-1: exit 3\n  | log\naver: release 3 runs again"),
		says("error", "command:remote:Command", "aver-deploy", ran),
		says("error", "command:remote:Command", "aver-other", ran),
		says("warning", "command:remote:Command", "aver-other", "a warning"),
		says("error", "pulumi:pulumi:Stack", "averazure-sandbox", "averazure:secrets: a.yml:3: nothing provides db; `pulumi config set --secret --path 'averazure:secrets.db'` asks for its value; or `pulumi up --replace x`"),
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "error", Message: "update failed"}},
	} {
		run.take(event, time.Now())
	}
	want := `service aver_api on aver-worker-1: exit 3
    | log
  aver: release 3 runs again
  (aver-deploy)
Process exited with status 1:
  out
  (aver-other)
averazure:secrets: a.yml:3: nothing provides db; ` + "`go run ./sandbox secret set db` asks for its value; or `go run ./sandbox pulumi -- up --yes --replace x`"
	if got := run.why(adviser{self: "go run ./sandbox"}); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}

// The CLI's file is read while it grows. An incomplete line is read once it is complete. If
// the file is started again, it is read from the beginning.
func TestEventsAreReadAsTheyCome(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.json")
	var tail tail
	if got := tail.read(file); len(got) > 0 {
		t.Errorf("read %v of no file", got)
	}
	for _, step := range []struct {
		text string
		anew bool
		want int
	}{
		{`{"sequence":1}` + "\n" + `{"seq`, false, 1}, {`uence":2}` + "\n", false, 1}, {"", false, 0}, {"no JSON\n" + `{"sequence":3}` + "\n", false, 1},
		{`{"sequence":1}` + "\n", true, 1},
	} {
		flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
		if step.anew {
			flags = os.O_WRONLY | os.O_TRUNC
		}
		f, err := os.OpenFile(file, flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(step.text); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got := tail.read(file); len(got) != step.want {
			t.Errorf("%q: read %d events, want %d", step.text, len(got), step.want)
		}
	}
}

// TestAFailedRunSaysWhyLast runs a stub of the CLI that writes events and fails.
func TestAFailedRunSaysWhyLast(t *testing.T) {
	root := checkout(t)
	line, err := json.Marshal(says("error", "pulumi:pulumi:Stack", "averazure-sandbox", "averazure:workers: -1 is too few"))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	stub := `#!/bin/sh
[ "$1" != version ] || { echo v3.250.0; exit 0; }
[ "$PULUMI_DEBUG_COMMANDS" = 1 ] || exit 9
sleep 20 & # has the output still
while [ $# -gt 0 ]; do [ "$1" != --event-log ] || printf '%s\n' '` + string(line) + `' >"$2"; shift; done
exit 7
`
	for name, text := range map[string]string{"pulumi": stub, "pulumi-language-go": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	work, err := workspace.Open(t.Context(), workspace.Options{
		ProjectDir: root, StateDir: filepath.Join(root, "state"), CacheDir: filepath.Join(root, "cache"), Stack: "sandbox", Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = (&session{work: work}).engine("sb", false, "up")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it waits %s for what the CLI has left behind", took)
	}
	var run failed
	if !errors.As(err, &run) || run.status != 7 || run.why != "averazure:workers: -1 is too few" {
		t.Errorf("it ends with %#v", err)
	}
	if _, err := os.Stat(work.EventLog()); err == nil {
		t.Error("the events are left")
	}
	if said := strings.TrimSpace(reported(t, err)); said != "sandbox: averazure:workers: -1 is too few" {
		t.Errorf("said is %q", said)
	}
}

// reported is what report prints.
func reported(t *testing.T, err error) string {
	t.Helper()
	file, openErr := os.CreateTemp(t.TempDir(), "")
	if openErr != nil {
		t.Fatal(openErr)
	}
	stderr := os.Stderr
	os.Stderr = file
	report(err)
	os.Stderr = stderr
	text, readErr := os.ReadFile(file.Name())
	if err := errors.Join(readErr, file.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An error of the program itself does not belong to a resource. If no resource failed, this
// error is the reason of the failure.
func TestTheProgramsOwnErrorIsWhyARunFailed(t *testing.T) {
	run := newEngineRun()
	run.take(apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "error", Message: "averazure:worker: no such key\n"}}, time.Now())
	if got := run.why(adviser{self: "go run ./sandbox"}); got != "averazure:worker: no such key" {
		t.Errorf("it says %q", got)
	}
}
