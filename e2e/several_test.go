package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"averazure/internal/release"
)

// One push sends every stack of stack-repo. Each is deployed separately, and one that fails
// does not stop the others.
func TestPushDeploysEveryStackOfTheRepository(t *testing.T) {
	t.Parallel()
	d, manager := delivered(t, "stack-repo"), box.outputs(t).Nodes[0]
	good, bad := newStack(t, "pushgood"), newStack(t, "pushbad")
	dir := t.TempDir()
	write := func(stack, file, content string) {
		t.Helper()
		path := filepath.Join(dir, "stacks", stack, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	push := func() (code, said string) {
		t.Helper()
		outputs := filepath.Join(t.TempDir(), "outputs")
		cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(box.project, "repos/stack-repo/scripts/deploy.sh"))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MANAGER_IP="+manager.PublicAddress, "MANAGER_HOST_KEY="+manager.HostKey, "SSH_USER="+d["vars.SSH_USER"],
			"SSH_PRIVATE_KEY="+d[deployKey], "DEPLOY_SECONDS=180", "GITHUB_STEP_SUMMARY=", "GITHUB_OUTPUT="+outputs)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return codeIn(outputs), string(out)
	}

	pushes(t)
	text := fileOf(small{name: "web", more: []string{"configs: [{source: page, target: /page}]"}}) + "configs: {page: {file: conf/page}}\n"
	crashing := fileOf(small{name: "web", script: "echo no flux capacitor; exit 3"})
	write("pushgood", "stack.yml", text)
	write("pushgood", "conf/page", "one")
	write("pushbad", "stack.yml", crashing)
	if code, said := push(); code != "refused" {
		t.Fatalf("stacks that pulumi up did not announce: %s\n%s", code, said)
	}
	for _, s := range []*smallStack{good, bad} {
		if result := s.ask(t, fileOf(small{name: "web"}), "trust", s.name); result.Outcome != release.Runs {
			t.Fatalf("%+v", result)
		}
	}
	if code, said := push(); code != "failed" {
		t.Fatalf("one is good, one crashes: %s\n%s", code, said)
	}
	good.mustBeWhole(t, 1)
	if release := bad.status(t).Release; release != nil {
		t.Errorf("what crashes became a release: %+v", release)
	}
	before := good.running(t, "web")
	write("pushbad", "stack.yml", fileOf(small{name: "web"}))
	if code, said := push(); code != "runs" {
		t.Fatalf("both are good: %s\n%s", code, said)
	}
	good.mustBeWhole(t, 1)
	bad.mustBeWhole(t, 1)
	if now := good.running(t, "web"); !slices.Equal(now, before) {
		t.Errorf("a stack that did not change was touched: %v, then %v", before, now)
	}
}
