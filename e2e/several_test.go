package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"averazure/internal/release"
)

// One push sends every stack of stack-repo: each is deployed on its own, and one that
// fails keeps no other from it.
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
	push := func() (status int, said string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(box.project, "repos/stack-repo/scripts/deploy.sh"))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MANAGER_IP="+manager.PublicAddress, "MANAGER_HOST_KEY="+manager.HostKey, "SSH_USER="+d["vars.SSH_USER"],
			"SSH_PRIVATE_KEY="+d[deployKey], "DEPLOY_SECONDS=180", "GITHUB_STEP_SUMMARY=", "GITHUB_OUTPUT="+filepath.Join(dir, "outputs"))
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}

	pushes(t)
	text := fileOf(small{name: "web", more: []string{"configs: [{source: page, target: /page}]"}}) + "configs: {page: {file: conf/page}}\n"
	crashing := fileOf(small{name: "web", script: "echo no flux capacitor; exit 3"})
	write("pushgood", "stack.yml", text)
	write("pushgood", "conf/page", "one")
	write("pushbad", "stack.yml", crashing)
	status, said := push()
	if status != 2 || strings.Count(said, "Refused: ") != 2 {
		t.Fatalf("stacks that pulumi up did not announce: status %d\n%s", status, said)
	}
	for _, s := range []*smallStack{good, bad} {
		if result := s.ask(t, fileOf(small{name: "web"}), "trust", s.name); result.Outcome != release.Runs {
			t.Fatalf("%+v", result)
		}
	}
	status, said = push()
	if status != 1 || !strings.Contains(said, "Deployed: release 1 of pushgood ") || !strings.Contains(said, "deploy: Failed: pushbad: ") {
		t.Fatalf("status %d\n%s", status, said)
	}
	before := good.running(t, "web")
	write("pushbad", "stack.yml", fileOf(small{name: "web"}))
	status, said = push()
	if status != 0 || !strings.Contains(said, "Deployed: release 1 of pushgood ") || !strings.Contains(said, "Deployed: release 1 of pushbad ") {
		t.Fatalf("status %d\n%s", status, said)
	}
	if now := good.running(t, "web"); !slices.Equal(now, before) {
		t.Errorf("a stack that did not change was touched: %v, then %v", before, now)
	}
}
