package workspace

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The check reports mistakes with their lines. Pulumi would ignore them, report them
// without a line, or never see them because a kept setting overrides the value.
func TestTheSettingsFileIsCheckedWithItsLines(t *testing.T) {
	for text, want := range map[string]string{
		"confg:\n  averazure:workers: 2\n":                                                                     "1: confg",
		"config:\n  averazure:location: a\n  averazure:workers: two\n":                                         "3: averazure:workers two integer",
		"config:\n  averazure:loadBalancer: perhaps\n":                                                         "2: averazure:loadBalancer perhaps boolean",
		"config:\n  averazure:publicPorts: [80, http]\n":                                                       "2: averazure:publicPorts 80 http array integer",
		"config:\n  averazure:publicPorts: 80\n":                                                               "2: averazure:publicPorts 80 array",
		"config:\n  averazure:secrets:\n    db: hunter2\n":                                                     "3: db `sb secret set db`",
		"config:\n  averazure:registryToken: hunter2\n":                                                        "2: averazure:registryToken `sb pulumi -- config set --secret averazure:registryToken`",
		"x-here: &here [198.18.0.1/32]\nconfig:\n  averazure:sshCidrs: *here\n  averazure:adminCidrs: *here\n": "",
		"config:\n  averazure:workers: {secure: v1:a}\n  averazure:secrets: {secure: v1:a}\n":                  "",
		"config:\n  averazure:workers: [2]\n":                                                                  "2: averazure:workers 2 integer",
		"config:\n  averazure:workers: \"2\"\n  averazure:secrets:\n    db:\n      secure: v1:a\n":             "",
	} {
		r := newRun(t, "")
		r.Self = "sb"
		r.file(text)
		err := r.Configure(t.Context(), Settings{})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		words := strings.Fields(filepath.Base(r.shippedFile()) + ":" + want)
		if err == nil || slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(err.Error(), word) }) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
