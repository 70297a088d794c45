package repos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeGH answers from files: with the open issue, and with the status of the last update,
// among finished ones, when it is asked for the first and for the second time. It records
// the changes that it is asked for.
const fakeGH = `#!/bin/bash
case "$*" in
  "run list --workflow deploy.yml --limit 20 --json status --jq "*)
    n=$(cat "$HOME/runs")
    echo "${n#* }" >"$HOME/runs"
    case "$*" in *'.status != "completed"'*) ;; *) echo "what is asked?" >&2; exit 1 ;; esac
    case ${n%% *} in completed) echo 0 ;; unknown) echo "HTTP 403" >&2; exit 1 ;; *) echo 1 ;; esac ;;
  "issue list --label drift --state open --limit 1 "*) cat "$HOME/issue" ;;
  *) echo "$*" >>"$HOME/did"; while [[ $# -gt 0 ]]; do if [[ $1 == --body-file ]]; then cp "$2" "$HOME/body"; fi; shift; done ;;
esac
`

func TestDrift(t *testing.T) {
	const (
		clean  = "echo 'Resources: 12 unchanged'"
		drift  = "echo '~ aver-nsg update'; echo 'error: no changes were expected but changes were proposed' >&2; exit 255"
		broken = "echo 'error: no login' >&2; exit 255"
		// Without --refresh only the state would be compared. Without --expect-no-changes a
		// difference would not fail.
		preview = "preview --stack dev --refresh --expect-no-changes --non-interactive --suppress-outputs --color never\n"
	)
	for name, test := range map[string]struct {
		preview, issue, runs string
		status               int
		did, code            string
	}{
		"in sync":             {clean, "", "completed completed", 0, "", "same"},
		"in sync again":       {clean, "7", "completed completed", 0, "issue close 7", "same"},
		"first drift":         {drift, "", "completed completed", 0, "issue create", "differs"},
		"drift still":         {drift, "7", "completed completed", 0, "issue edit 7", "differs"},
		"preview failed":      {broken, "7", "completed completed", 255, "", "preview-failed"},
		"during an update":    {drift, "", "in_progress in_progress", 0, "", "updating"},
		"nobody can tell":     {drift, "", "unknown unknown", 1, "", "runs-unknown"},
		"before an approval":  {drift, "", "waiting waiting", 0, "", "updating"},
		"an update meanwhile": {drift, "", "completed queued", 0, "", "updating"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("gh", fakeGH, 0o755)
			b.write("pulumi", "#!/bin/bash\necho \"$*\" >>\"$HOME/previews\"\n"+test.preview+"\n", 0o755)
			b.write("issue", test.issue, 0o644)
			b.write("runs", test.runs, 0o644)
			b.write("did", "", 0o644)
			b.write("previews", "", 0o644)
			path, err := filepath.Abs("../.github/scripts/drift.sh")
			if err != nil {
				t.Fatal(err)
			}
			command := exec.Command(path)
			command.Dir, command.Env = b.dir, append(b.env, "STACK=dev")
			output, _ := command.CombinedOutput()
			did := strings.TrimSpace(strings.ReplaceAll(b.read("did"), "label create drift --description The cloud is not as the program says\n", ""))
			if status := command.ProcessState.ExitCode(); status != test.status || !strings.HasPrefix(did, test.did) || (test.did == "") != (did == "") {
				t.Errorf("status %d, did %q\n%s", status, did, output)
			}
			previews := ""
			if strings.HasPrefix(test.runs, "completed") {
				previews = preview
			}
			if got := b.read("previews"); got != previews {
				t.Errorf("pulumi was called with %q, want %q", got, previews)
			}
			told := "dev"
			if test.code == "runs-unknown" {
				told = "deploy.yml"
			}
			if summary := b.read("summary"); b.code() != test.code || !strings.Contains(summary, told) || (test.did == "issue edit 7") != strings.Contains(summary, "issue 7") {
				t.Errorf("code %q, want %q, summary %q", b.code(), test.code, summary)
			}
			if body, err := os.ReadFile(filepath.Join(b.dir, "body")); err == nil && !strings.Contains(string(body), "    ~ aver-nsg update") {
				t.Errorf("issue:\n%s", body)
			}
		})
	}
}
