package registry

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		config Config
		token  bool
		want   string // in the one problem; empty for none
	}{
		{Config{"ghcr.io", "me"}, true, ""},
		{Config{"203.0.113.2:5000", "me"}, true, ""},
		{Config{"localhost:5000", ""}, false, ""},
		{Config{"ghcr.io", "me"}, false, "averazure:registryToken"},
		{Config{"ghcr.io", "robot$team+pull@example.org"}, true, ""},
		{Config{"ghcr.io", "two words"}, true, "averazure:registryUsername"},
		{Config{"ghcr.io", "me\n"}, true, "averazure:registryUsername"},
		{Config{"ghcr.io", "me\x07"}, true, "averazure:registryUsername"},
		{Config{"ghcr.io", "me:token"}, false, "averazure:registryUsername"},
		{Config{"ghcr.io", "-me"}, true, "averazure:registryUsername"},
		{Config{"https://ghcr.io", "me"}, true, "averazure:registryServer"},
		{Config{"library", "me"}, true, "averazure:registryServer"},
		{Config{"", ""}, false, "averazure:registryServer"},
	} {
		problems := test.config.Validate(test.token)
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
