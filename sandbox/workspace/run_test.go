package workspace

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// project is the text of Pulumi.yaml and Pulumi.sandbox.yaml in these tests.
const (
	projectText = `name: averazure
runtime: go
config:
  workers: {type: integer, default: 1}
  prefix: {type: string, default: aver}
  loadBalancer: {type: boolean, default: false}
  sshCidrs: {type: array, items: {type: string}}
  publicPorts: {type: array, items: {type: integer}, default: [80, 443]}
  adminCidrs: {type: array, items: {type: string}, default: []}
  stackVariables: {type: object, default: {}}
  registryToken: {type: string, default: "", description: "Secret: it."}
  secrets: {type: object, default: {}}
`
	shippedText = "config:\n  averazure:workers: 2\n  averazure:sshCidrs: [198.18.0.1/32]\n"
)

// run is a workspace whose Pulumi.sandbox.yaml changes between runs.
type run struct {
	*Workspace
	t    *testing.T
	said []string
}

func newRun(t *testing.T, cli string) *run {
	t.Helper()
	r := &run{t: t, Workspace: scratch(t, cli)}
	write(t, filepath.Join(r.ProjectDir, "Pulumi.yaml"), projectText)
	r.Log = func(format string, args ...any) { r.said = append(r.said, fmt.Sprintf(format, args...)) }
	r.file(shippedText)
	return r
}

func (r *run) file(text string) { r.t.Helper(); write(r.t, r.shippedFile(), text) }

// up configures as `up --config ...` does.
func (r *run) up(values ...string) {
	r.t.Helper()
	r.must(Settings{Values: r.parse(values), Keep: true})
}

// preview configures as `preview --config ...` does.
func (r *run) preview(values ...string) { r.t.Helper(); r.must(Settings{Values: r.parse(values)}) }

func (r *run) reset(values ...string) {
	r.t.Helper()
	r.must(Settings{Values: r.parse(values), Keep: true, Reset: true})
}

func (r *run) must(settings Settings) {
	r.t.Helper()
	r.said = nil
	if err := r.Configure(r.t.Context(), settings); err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) parse(values []string) []Setting {
	r.t.Helper()
	settings, err := ParseSettings(r.ProjectDir, "sandbox", values)
	if err != nil {
		r.t.Fatal(err)
	}
	return settings
}

// has requires a value in the engine's configuration; "" requires none.
func (r *run) has(path, want string) {
	r.t.Helper()
	stack, err := load(r.ConfigFile())
	if err != nil {
		r.t.Fatal(err)
	}
	got := ""
	if value, ok := flat(stack.Config)[path]; ok {
		got = text(value)
	}
	if got != want {
		r.t.Errorf("%s is %q, want %q", path, got, want)
	}
}

// byHand writes to the settings file as `pulumi config set` does.
func (r *run) byHand(from, to string) {
	r.t.Helper()
	before := read(r.t, r.ConfigFile())
	if !strings.Contains(before, from) {
		r.t.Fatalf("%q is not in\n%s", from, before)
	}
	write(r.t, r.ConfigFile(), strings.Replace(before, from, to, 1))
}
