package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"averazure/internal/release"
)

// TestLongPreviewSaysWhatWouldChange: a preview reports changes in the operator's words,
// from the managers, before anything is changed. It shows a rollback until somebody goes
// forward, but a rollback alone causes no update.
func TestLongPreviewSaysWhatWouldChange(t *testing.T) {
	isLong(t)
	fresh(t) // no pipeline has deployed the stack then
	more := filepath.Join(t.TempDir(), "more.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(more, []byte("services:\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"--config", "averazure:stackFiles[0]=repos/stack-repo/stack.yml", "--config", "averazure:stackFiles[1]=" + more}
	with := func(args ...string) string { t.Helper(); return box.mustRun(t, append(args, files...)...) }

	write("  hello: {image: 'caddy:no-such-tag', networks: [net], ports: ['9090:80']}\n  api: {deploy: {replicas: 3}}\n")
	mustSay(t, with("preview"),
		" api: replicas 2 -> 3", " hello: ", "image caddy:no-such-tag, port 9090",
		more+`:2: service "hello": image caddy:no-such-tag: `, `: service "api": `)

	write("  api: {deploy: {replicas: 3}}\n")
	t.Cleanup(func() {
		box.mustRun(t, "up", "--reset", "--config", "averazure:managers=3", "--config", "averazure:workers=0")
		box.forget()
	})
	with("up")
	box.exec(t, "aver-manager", "stackctl", "rollback", "aver")
	status := func() *release.RolledBack {
		t.Helper()
		var s release.Status
		if err := json.Unmarshal([]byte(box.exec(t, "aver-manager", "stackctl", "status", "aver", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return s.Release.RolledBack
	}
	back := status()
	if back == nil || len(back.Changes) != 1 {
		t.Fatalf("a rollback: %+v", back)
	}
	mustSay(t, with("preview", "--expect-no-changes"), back.Changes[0], " pulumi -- up --yes --replace '**Command::*-deploy'`")
	said := with("up")
	_, banner, _ := strings.Cut(said, "\nStack aver: ")
	mustSay(t, banner, back.Changes[0], " pulumi -- up --yes --replace '**Command::*-deploy'`", " 443/tcp ", " aver_edge: ", ":443\n")
	var exit *exec.ExitError
	if out, err := box.tryExec(t.Context(), "aver-manager", "stackctl", "status", "avr"); !errors.As(err, &exit) || exit.ExitCode() != 2 || out != "" {
		t.Errorf("of a stack that is not there: %q, %v", out, err)
	}
	box.mustRun(t, append(append([]string{"pulumi"}, files...), "--", "up", "--yes", "--replace", "**Command::*-deploy")...)
	if back := status(); back != nil {
		t.Errorf("after going forward: %+v", back)
	}
}
