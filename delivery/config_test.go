package delivery

import (
	"strings"
	"testing"
)

func TestProblemsComeInOneOrder(t *testing.T) {
	for range 20 {
		if first := (Config{GithubOwner: "acme", CodeRepo: "a b", StackRepo: "c d"}).Validate(false)[0].Error(); !strings.HasPrefix(first, "averazure:codeRepo: ") {
			t.Fatalf("the first is %s", first)
		}
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		token  bool
		want   string
	}{
		"nothing":          {Config{}, false, ""},
		"everything":       {both, false, ""},
		"no owner":         {Config{CodeRepo: "code"}, false, "averazure:githubOwner: "},
		"no repository":    {Config{GithubOwner: "acme"}, false, "averazure:githubOwner: "},
		"bad owner":        {Config{GithubOwner: "-acme", CodeRepo: "code"}, false, "averazure:githubOwner: "},
		"with owner":       {Config{GithubOwner: "acme", CodeRepo: "acme/code"}, false, "averazure:codeRepo: "},
		"bad name":         {Config{GithubOwner: "acme", StackRepo: "a b"}, false, "averazure:stackRepo: "},
		"with .git":        {Config{GithubOwner: "acme", StackRepo: "stack.git"}, false, "averazure:stackRepo: "},
		"dots alone":       {Config{GithubOwner: "acme", CodeRepo: ".."}, false, "averazure:codeRepo: "},
		"managed user":     {Config{GithubOwner: "me_acme", CodeRepo: "code"}, false, ""},
		"the same":         {Config{GithubOwner: "acme", CodeRepo: "one", StackRepo: "One"}, false, "averazure:stackRepo: "},
		"token":            {both, true, ""},
		"token for nobody": {Config{GithubOwner: "acme", StackRepo: "stack"}, true, "averazure:stackRepoToken: "},
		"app":              {with(both, func(c *Config) { c.StackRepoApp = "Iv23liABCdef" }), false, ""},
		"app for nobody":   {Config{StackRepoApp: "Iv23liABCdef"}, false, "averazure:stackRepoApp: "},
		"bad app":          {with(both, func(c *Config) { c.StackRepoApp = "my app" }), false, "averazure:stackRepoApp: "},
		"token and app":    {with(both, func(c *Config) { c.StackRepoApp = "Iv23liABCdef" }), true, "averazure:stackRepoApp: "},
		"no environment":   {with(both, func(c *Config) { c.StackRepoEnvironment = "" }), false, ""},
		"dots for one":     {with(both, func(c *Config) { c.StackRepoEnvironment = ".." }), false, "averazure:stackRepoEnvironment: "},
		"bad environment":  {with(both, func(c *Config) { c.StackRepoEnvironment = "de:ploy" }), false, "averazure:stackRepoEnvironment: "},
	} {
		problems := test.config.Validate(test.token)
		if test.want == "" && len(problems) > 0 || test.want != "" && (len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, problems, test.want)
		}
	}
}
