package scripts

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestReleaseRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	r := newRepos(t)
	shallow := filepath.Join(t.TempDir(), "shallow")
	must(t, ".", "git", "clone", "-q", "--depth", "1", "file://"+r.code, shallow)
	for name, test := range map[string]struct {
		dir, commit string
		env         string
		code        string
	}{
		"a short commit":   {r.code, r.first[:6], "", "commit"},
		"an unknown one":   {r.code, strings.Repeat("0", 40), "", "commit"},
		"capitals":         {r.code, r.second, "IMAGE=ghcr.io/Acme/aver-api", "stack-file"},
		"no such branch":   {r.code, r.second, "BRANCH=prod", "branch-missing"},
		"no such file":     {r.code, r.second, "STACK_FILE=none.yml", "stack-file"},
		"a shallow clone":  {shallow, r.second, "", "shallow"},
		"no such service":  {r.code, r.second, "SERVICE=web", "stack-file"},
		"one of two there": {r.code, r.second, "SERVICE=api,web", "stack-file"},
	} {
		if name == "a shallow clone" {
			r.pushStack("services:\n  api:\n    image: ghcr.io/acme/aver-api:" + r.first[:7] + "\n")
		}
		before := r.commits()
		from := *r
		from.code = test.dir
		if output, status, code := from.releases(test.commit, test.env); status != 2 || code != test.code || r.commits() != before {
			t.Errorf("%s: status %d, code %q, want %q\n%s", name, status, code, test.code, output)
		}
	}
}
