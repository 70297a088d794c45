package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// issueTracker takes the place of gh: it reports that no update is under way, and keeps one
// issue, which is opened with its text and closed, in files.
const issueTracker = `#!/bin/sh
case "$*" in
  "run list "*) echo 0 ;;
  "issue list "*) [ ! -e "$HOME/issue" ] || echo 7 ;;
  "issue create "* | "issue edit "*) while [ "$1" != --body-file ]; do shift; done; cp "$2" "$HOME/issue" ;;
  "issue close "*) rm "$HOME/issue" ;;
esac
`

// TestDriftIsReportedUntilItIsPutBack removes a rule without the program, as somebody might
// in the portal, and runs the commands of drift.yml.
func TestDriftIsReportedUntilItIsPutBack(t *testing.T) {
	home := t.TempDir()
	shim := fmt.Sprintf("#!/bin/sh\nHOME=%s PATH=%s exec %s \"$@\"\n", os.Getenv("HOME"), os.Getenv("PATH"), strings.Join(box.command(t.Context(), "pulumi", "--").Args, " "))
	for name, text := range map[string]string{"gh": issueTracker, "pulumi": shim} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	check := func(code string) (issue string) {
		t.Helper()
		output := filepath.Join(t.TempDir(), "output")
		script := exec.CommandContext(t.Context(), filepath.Join(box.project, ".github/scripts/drift.sh"))
		script.Dir = box.project
		script.Env = append(os.Environ(), "HOME="+home, "PATH="+home+":"+os.Getenv("PATH"), "STACK=sandbox", "GITHUB_OUTPUT="+output)
		out, err := script.CombinedOutput()
		if got, _ := os.ReadFile(output); err != nil || string(got) != "code="+code+"\n" {
			t.Errorf("drift.sh: %v, %q, want %q:\n%s", err, got, code, out)
		}
		text, _ := os.ReadFile(filepath.Join(home, "issue"))
		return string(text)
	}

	if issue := check("same"); issue != "" {
		t.Errorf("an issue was opened:\n%s", issue)
	}
	removeFromCloud(t, "/securityRules/public")
	t.Cleanup(func() { box.mustRun(t, "pulumi", "--", "up", "--yes", "--refresh", "--suppress-outputs") })
	if issue := check("differs"); !strings.Contains(issue, "aver-public") {
		t.Errorf("the issue does not name the rule that is gone:\n%s", issue)
	}
	if issue := check("differs"); !strings.Contains(issue, "aver-public") {
		t.Errorf("the issue was lost:\n%s", issue)
	}
	box.mustRun(t, "pulumi", "--", "up", "--yes", "--refresh", "--suppress-outputs")
	if issue := check("same"); issue != "" {
		t.Errorf("the issue stays open:\n%s", issue)
	}
}

// removeFromCloud deletes a resource of the sandbox's cloud between two runs: the one whose
// id has this suffix.
func removeFromCloud(t *testing.T, suffix string) {
	t.Helper()
	cloud, resources, err := box.cloud()
	if err != nil {
		t.Fatal(err)
	}
	before := len(resources)
	for id := range resources {
		if strings.HasSuffix(id, strings.ToLower(suffix)) {
			delete(resources, id)
		}
	}
	if len(resources) != before-1 {
		t.Fatalf("%d resources end in %s, want one", before-len(resources), suffix)
	}
	if cloud["resources"], err = json.Marshal(resources); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(cloud)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(box.cloudFile(), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
