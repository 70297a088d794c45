package registry

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		config Config
		tokens Tokens
		want   string // in the only problem; empty if none is expected
	}{
		{Config{"ghcr.io", "me", ""}, Tokens{Push: true}, ""},
		{Config{"203.0.113.2:5000", "me", ""}, Tokens{Push: true}, ""},
		{Config{"localhost:5000", "", ""}, Tokens{}, ""},
		{Config{"ghcr.io", "me", ""}, Tokens{}, "averazure:registryToken"},
		{Config{"ghcr.io", "me", ""}, Tokens{Pull: true}, "averazure:registryToken"},
		{Config{"ghcr.io", "robot$team+pull@example.org", ""}, Tokens{Push: true}, ""},
		{Config{"ghcr.io", "two words", ""}, Tokens{Push: true}, "averazure:registryUsername"},
		{Config{"ghcr.io", "me\n", ""}, Tokens{Push: true}, "averazure:registryUsername"},
		{Config{"ghcr.io", "me\x07", ""}, Tokens{Push: true}, "averazure:registryUsername"},
		{Config{"ghcr.io", "me:token", ""}, Tokens{}, "averazure:registryUsername"},
		{Config{"ghcr.io", "-me", ""}, Tokens{Push: true}, "averazure:registryUsername"},
		{Config{"https://ghcr.io", "me", ""}, Tokens{Push: true}, "averazure:registryServer"},
		{Config{"library", "me", ""}, Tokens{Push: true}, "averazure:registryServer"},
		{Config{"", "", ""}, Tokens{}, "averazure:registryServer"},
		{Config{"ghcr.io", "me", ""}, Tokens{Push: true, Pull: true}, ""},
		{Config{"ghcr.io", "me", "puller"}, Tokens{Push: true, Pull: true}, ""},
		{Config{"ghcr.io", "", "puller"}, Tokens{Pull: true}, ""},
		{Config{"ghcr.io", "me", "puller"}, Tokens{Push: true}, "averazure:registryPullToken"},
		{Config{"ghcr.io", "me", "pull:er"}, Tokens{Push: true, Pull: true}, "averazure:registryPullUsername"},
		{Config{"ghcr.io", "", ""}, Tokens{Pull: true}, "averazure:registryPullUsername"},
		{Config{"ghcr.io", "", ""}, Tokens{Push: true}, "averazure:registryUsername: "},
		{Config{"ghcr.io", "", "puller"}, Tokens{Push: true, Pull: true}, "averazure:registryUsername: "},
		{Config{"my-registry.example.com:5000", "", ""}, Tokens{}, ""},
		{Config{"host:5000", "", ""}, Tokens{}, ""},
		{Config{"a..b", "", ""}, Tokens{}, "averazure:registryServer"},
		{Config{"-x.io", "", ""}, Tokens{}, "averazure:registryServer"},
		{Config{"ghcr.io/acme", "", ""}, Tokens{}, "averazure:registryServer"},
	} {
		problems := test.config.Validate(test.tokens)
		if test.want == "" {
			if len(problems) > 0 {
				t.Errorf("%+v: %v", test.config, problems)
			}
			continue
		}
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), test.want) {
			t.Errorf("%+v: %v, want one problem with %s", test.config, problems, test.want)
		}
	}
}
