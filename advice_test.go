package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"averazure/internal/settings"
)

// replaced finds the pattern that a piece of advice tells the engine to replace. A name
// that is filled in appears there as %s or $node.
var replaced = regexp.MustCompile(`--replace \\?['"](\*\*[^'"\\` + "`" + `]*)`)

// Advice replaces only the resources that it is about. `**-deploy` once matched the GitHub
// environment "deploy" as well, and replacing it removed its secrets.
func TestAdviceReplacesOneKind(t *testing.T) {
	config := shipped(t, "sandbox")
	for key, value := range map[string]string{"githubOwner": "your-org", "codeRepo": "code-repo", "stackRepo": "stack-repo", "stackRepoToken": "a-token"} {
		config[settings.Name(key)] = value
	}
	r, err := record(t, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	advice := advised(t)
	if len(advice) < 5 {
		t.Fatalf("only %q are advised", advice)
	}
	for _, pattern := range advice {
		filled := strings.NewReplacer("%s", "aver-deploy", "$node", "aver-manager", "NAME", "aver-manager").Replace(pattern)
		var parts []string
		for part := range strings.SplitSeq(filled, "**") {
			parts = append(parts, strings.ReplaceAll(regexp.QuoteMeta(part), `\*`, "[^:]*"))
		}
		glob := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$") // as the engine reads it
		var kinds []string
		for _, res := range r.Resources() {
			if glob.MatchString(res.URN) && !slices.Contains(kinds, res.Type) {
				kinds = append(kinds, res.Type)
			}
		}
		if len(kinds) != 1 {
			t.Errorf("%s replaces resources of the types %q, want one", pattern, kinds)
		}
	}
}

// advised returns the patterns that messages and documents advise.
func advised(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || path == "e2e") {
				return filepath.SkipDir
			}
			return err
		}
		if !slices.Contains([]string{".go", ".sh", ".md"}, filepath.Ext(path)) || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range replaced.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(all, found[1]) {
				all = append(all, found[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
