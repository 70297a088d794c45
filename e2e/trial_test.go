package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestASecretForTrying: a stack file that uses a secret which nothing provides is refused
// in the preview, and the error names the command that helps. Running that command brings
// the secret into the Swarm.
func TestASecretForTrying(t *testing.T) {
	original, err := os.ReadFile(filepath.Join(box.project, "repos", "stack-repo", "stack.yml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(box.stateDir(), "trial")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(box.project, "repos", "stack-repo"))); err != nil {
		t.Fatal(err)
	}
	// A separate service, so that the API's tasks need not change one after another.
	text := strings.Replace(string(original), "\nservices:\n", "\nservices:\n  trial:\n    image: caddy:2\n    secrets: [trial_db]\n", 1) + "  trial_db:\n    external: true\n"
	if err := os.WriteFile(filepath.Join(dir, "stack.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Rel(box.project, filepath.Join(dir, "stack.yml"))
	if err != nil {
		t.Fatal(err)
	}
	setting := []string{"--config", "averazure:stackFiles=" + file}
	out, err := box.run(t.Context(), 2*time.Minute, append([]string{"preview"}, setting...)...)
	if err == nil || !strings.Contains(tail(out, 6), "--name "+sandboxName+" secret set trial_db`") {
		t.Fatalf("the preview ends with %v and\n%s", err, tail(out, 6))
	}
	t.Cleanup(func() {
		box.mustRun(t, "secret", "rm", "trial_db")
		box.mustRun(t, "up", "--reset")
	})
	set := box.command(t.Context(), "secret", "set", "trial_db")
	set.Stdin = strings.NewReader("correct horse battery\n")
	if out, err := set.CombinedOutput(); err != nil || strings.Contains(string(out), "correct horse") {
		t.Fatalf("secret set: %v\n%s", err, out)
	}
	out = box.mustRun(t, append([]string{"up"}, setting...)...)
	if found := reveal(map[string]string{"trial_db": "correct horse battery"}, out); len(found) > 0 {
		t.Errorf("the output of up shows %v", found)
	}
	if secrets := box.exec(t, "aver-manager", "docker", "secret", "ls", "--format", "{{.Name}}"); !strings.Contains(secrets, "trial_db-") {
		t.Errorf("the Swarm's secrets are\n%s", secrets)
	}
}

// TestSettingsTakenOutOfTheFileAreRemoved: a key that is removed from the settings file no
// longer counts, not even in the engine's own reading of the configuration.
func TestSettingsTakenOutOfTheFileAreRemoved(t *testing.T) {
	file := filepath.Join(box.project, "Pulumi.sandbox.yaml")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { put(string(before)) })
	put(string(before) + "  averazure:wrokers: 3\n")
	if out, err := box.run(t.Context(), 2*time.Minute, "preview"); err == nil || !strings.Contains(out, "averazure:wrokers") {
		t.Errorf("a misspelt key passes: %v", err)
	}
	put(string(before))
	box.mustRun(t, "preview", "--expect-no-changes")
}
