package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// project is a directory with a Go program.
func project(t *testing.T, program string) string {
	t.Helper()
	cache, err := exec.Command("go", "env", "GOCACHE").Output() // otherwise compiling the standard library takes minutes
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	write(t, dir, "go.mod", "module p\n\ngo 1.25\n\nrequire example.com/direct v1.2.3\n\nrequire example.com/other v0.1.0 // indirect\n")
	write(t, dir, "main.go", program)
	return dir
}

func info(t *testing.T, dir string, options map[string]any) *pulumirpc.ProgramInfo {
	t.Helper()
	s, err := structpb.NewStruct(options)
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{RootDirectory: dir, ProgramDirectory: dir, EntryPoint: ".", Options: s}
}

func run(t *testing.T, dir string, options map[string]any) (*pulumirpc.RunResponse, error) {
	t.Helper()
	return (&host{engine: "127.0.0.1:1"}).Run(context.Background(), &pulumirpc.RunRequest{
		Pwd: dir, Info: info(t, dir, options), Project: "p", Stack: "dev", Organization: "organization", MonitorAddress: "127.0.0.1:2",
		Parallel: 4, DryRun: true, Config: map[string]string{"p:key": "value"}, ConfigSecretKeys: []string{"p:key"},
	})
}

func TestRunGivesTheProgramItsStack(t *testing.T) {
	dir := project(t, `package main

import "os"

func main() {
	out := ""
	for _, name := range []string{"PULUMI_PROJECT", "PULUMI_STACK", "PULUMI_ORGANIZATION", "PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS",
		"PULUMI_DRY_RUN", "PULUMI_PARALLEL", "PULUMI_MONITOR", "PULUMI_ENGINE"} {
		out += os.Getenv(name) + "\n"
	}
	os.WriteFile("seen", []byte(out), 0o644)
}
`)
	resp, err := run(t, dir, nil)
	if err != nil || resp.GetError() != "" || resp.GetBail() {
		t.Fatalf("resp = %v, err %v", resp, err)
	}
	seen, _ := os.ReadFile(filepath.Join(dir, "seen"))
	want := "p\ndev\norganization\n{\"p:key\":\"value\"}\n[\"p:key\"]\ntrue\n4\n127.0.0.1:2\n127.0.0.1:1\n"
	if string(seen) != want {
		t.Errorf("the program saw %q, want %q", seen, want)
	}
}

func TestExitStatusReachesTheUser(t *testing.T) {
	for code, want := range map[string]*pulumirpc.RunResponse{
		"32": {Bail: true}, // the program has reported its error to the engine
		"3":  {Error: "program exited with non-zero exit code: 3"},
	} {
		resp, err := run(t, project(t, "package main\n\nimport \"os\"\n\nfunc main() { os.Exit("+code+") }\n"), nil)
		if err != nil || resp.GetBail() != want.GetBail() || resp.GetError() != want.GetError() {
			t.Errorf("exit %s: %v, %v; want %v", code, resp, err, want)
		}
	}
	resp, _ := run(t, project(t, "package main\n\nimport \"syscall\"\n\nfunc main() { syscall.Kill(syscall.Getpid(), syscall.SIGKILL) }\n"), nil)
	if !strings.Contains(resp.GetError(), "killed") {
		t.Errorf("killed: %v", resp)
	}
}

func TestBuildErrors(t *testing.T) {
	if _, err := run(t, project(t, "package main\n\nfunc main() { nonsense }\n"), nil); err == nil || !strings.Contains(err.Error(), "unable to run `go build`") {
		t.Errorf("err = %v", err)
	}
	if _, err := run(t, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no Go files in") {
		t.Errorf("err = %v", err)
	}
}

// printed is the run's output on this process's standard error.
func printed(t *testing.T, run func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	run()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestABuildSaysWhatTheUserNeedsToKnow(t *testing.T) {
	dir, bin := project(t, "package main\n"), t.TempDir()
	write(t, bin, "go", "#!/bin/sh\necho 'go: downloading example.com/direct v1.2.3' >&2\n[ ! -e fail ] || { echo 'no such symbol' >&2; exit 1; }\n")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	target := filepath.Join(t.TempDir(), "built")
	compile := func() string { return printed(t, func() { build(context.Background(), dir, target) }) }
	if got := compile(); !strings.HasPrefix(got, "compiling the program") || strings.Contains(got, "downloading") {
		t.Errorf("a first build prints %q", got)
	}
	write(t, filepath.Dir(target), "built", "")
	if got := compile(); got != "" {
		t.Errorf("a later build prints %q", got)
	}
	write(t, dir, "fail", "")
	if got := compile(); !strings.Contains(got, "no such symbol") {
		t.Errorf("a failed build prints %q", got)
	}
}

func TestASecondBuildLinksNothing(t *testing.T) {
	dir := project(t, "package main\n\nfunc main() {}\n")
	first, err := program(context.Background(), info(t, dir, nil))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(first)
	second, err := program(context.Background(), info(t, dir, nil))
	if err != nil || second != first {
		t.Fatalf("%q then %q, err %v", first, second, err)
	}
	if after, _ := os.Stat(second); !os.SameFile(before, after) {
		t.Error("the program was linked again")
	}
}

func TestOptions(t *testing.T) {
	dir := project(t, "package main\n\nfunc main() {}\n")
	write(t, dir, "ready", "#!/bin/sh\nexit 5\n")
	if resp, err := run(t, dir, map[string]any{"binary": "./ready"}); err != nil || !strings.HasSuffix(resp.GetError(), "5") {
		t.Errorf("resp = %v, err %v", resp, err)
	}
	target := filepath.Join(t.TempDir(), "built")
	if path, err := program(context.Background(), info(t, dir, map[string]any{"buildTarget": target})); err != nil || path != target {
		t.Errorf("path %q, err %v", path, err)
	}
	for _, options := range []map[string]any{{"binary": "./none"}, {"binary": "a", "buildTarget": "b"}} {
		if _, err := run(t, dir, options); err == nil || !strings.Contains(err.Error(), "Pulumi.yaml") {
			t.Errorf("%v: err = %v", options, err)
		}
	}
}

func TestDependencies(t *testing.T) {
	h, dir := &host{}, project(t, "package main\n")
	names := func(transitive bool) (out []string) {
		resp, err := h.GetProgramDependencies(context.Background(), &pulumirpc.GetProgramDependenciesRequest{Info: info(t, dir, nil), TransitiveDependencies: transitive})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range resp.GetDependencies() {
			out = append(out, d.GetName()+"@"+d.GetVersion())
		}
		return out
	}
	if got := names(false); !slices.Equal(got, []string{"example.com/direct@v1.2.3"}) {
		t.Errorf("dependencies = %v", got)
	}
	if got := names(true); len(got) != 2 {
		t.Errorf("all dependencies = %v", got)
	}
	about, err := h.About(context.Background(), &pulumirpc.AboutRequest{})
	if err != nil || !strings.HasPrefix(about.GetVersion(), "go version") {
		t.Errorf("about = %v, %v", about, err)
	}
}

func TestEngineAddress(t *testing.T) {
	for want, args := range map[string][]string{
		"": nil, "127.0.0.1:5": {"127.0.0.1:5"}, "127.0.0.1:6": {"-tracing=x", "--root=/p", "127.0.0.1:6"},
	} {
		if got := engineAddress(args); got != want {
			t.Errorf("engineAddress(%q) = %q, want %q", args, got, want)
		}
	}
	h := &host{}
	if _, err := h.Run(context.Background(), &pulumirpc.RunRequest{}); err == nil {
		t.Error("Run without an engine")
	}
	if _, err := h.Handshake(context.Background(), &pulumirpc.LanguageHandshakeRequest{EngineAddress: "127.0.0.1:7"}); err != nil || h.engine != "127.0.0.1:7" {
		t.Errorf("engine = %q, %v", h.engine, err)
	}
}
