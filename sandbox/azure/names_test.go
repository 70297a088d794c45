package azure

import (
	"strings"
	"testing"
)

// naming is an operation on a name in an empty record.
func naming(t *testing.T, name string) *operation {
	t.Helper()
	c := newWorld(t).cloud
	return &operation{Cloud: c, kind: &kind{tokens: []string{"x:y:Z"}, azure: "Test/things"}, urn: "urn:pulumi:dev::proj::x:y:Z::thing", name: name, id: "/x/" + name}
}

func TestNameRules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct {
		what      string
		rule      nameRule
		good, bad []string
	}{
		{"resource group", groupName, []string{"a", "rg-1_(x).y", "Größe", long(90)}, []string{"", "a.", "a b", "a/b", long(91)}},
		{"virtual network", virtualNetworkName, []string{"ab", "net_1.x-y_", long(64)}, []string{"a", "_a", "a-", "a.", long(65)}},
		{"network resource", networkName, []string{"a", "nsg-1_", long(80)}, []string{"", "-a", "a-", "a b", long(81)}},
		{"VM", vmName, []string{"a", "aver-manager-2", "a.b", long(64)}, []string{"", "a_b", "a b", "a.", "a-", "a@b", "a/b", long(65)}},
		{"storage account", accountName, []string{"abc", "123", long(24)}, []string{"ab", "aBc", "a-b", "a_b", long(25)}},
		{"blob container", containerName, []string{"abc", "a-b-c", "$web", "$root", long(63)}, []string{"ab", "-ab", "ab-", "a--b", "aBc", long(64)}},
		{"default", defaultName, []string{"default"}, []string{"Default", "other"}},
		{"vault", vaultName, []string{"abc", "aver-kv-1", long(24)}, []string{"ab", "1ab", "a--b", "ab-", "a_b", long(25)}},
		{"secret", secretName, []string{"a", "client-secret", long(127)}, []string{"", "a_b", "a.b", long(128)}},
		{"plan", planName, []string{"a", "plan-1", long(60)}, []string{"", "a_b", long(61)}},
		{"site", siteName, []string{"ab", "aver-fn", long(60)}, []string{"a", "-ab", "ab-", "a_b", "a.b", long(61)}},
		{"role assignment", uuidName, []string{newUUID(), strings.ToUpper(newUUID())}, []string{"", "reader", newUUID()[:35], newUUID()[:35] + "g"}},
	} {
		for _, name := range c.good {
			if err := c.rule.judge(naming(t, name)); err != nil {
				t.Errorf("%s %q: %v", c.what, name, err)
			}
		}
		for _, name := range c.bad {
			err := c.rule.judge(naming(t, name))
			if err == nil {
				t.Errorf("%s %q is accepted", c.what, name)
				continue
			}
			if code := c.rule.code; code != "" && !strings.Contains(err.Error(), ": "+code+": ") {
				t.Errorf("%s %q: %v has not the code %s", c.what, name, err, code)
			}
		}
	}
}

func TestEveryTypeIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, kinds := range [][]*kind{nativeKinds(), directoryKinds(), githubKinds()} {
		for _, k := range kinds {
			for _, token := range k.tokens {
				if seen[token] || strings.Count(token, ":") != 2 {
					t.Errorf("%s is there twice, or no token", token)
				}
				seen[token] = true
			}
			if k.azure == "" || k.complete == nil || (k.path == "") == (k.identify == nil) {
				t.Errorf("%v lacks its service's name, its outputs, or one way to its id", k.tokens)
			}
			for _, path := range k.secrets {
				if len(k.computed)+len(k.hidden) == 0 {
					t.Errorf("%v: nothing makes the secret %s", k.tokens, path)
				}
			}
		}
	}
}
