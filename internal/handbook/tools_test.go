package handbook

import (
	"slices"
	"strings"
	"testing"
)

func TestToolKnowsWhatACommandTakes(t *testing.T) {
	for line, want := range map[string]string{
		"az vm start --name a --resource-group g --output table": "az vm start",
		"az vm start":                       "az vm start",
		"az vm begin":                       "",
		"az vm start --node a":              "",
		"az vm start a":                     "",
		"pulumi stack":                      "pulumi stack",
		"pulumi stack output x":             "pulumi stack output",
		"pulumi stack output x y":           "",
		"docker node update --label-rm x":   "",
		"docker node update --label-rm x n": "docker node update",
		"docker exec c nslookup -x api":     "docker exec",
		"curl -sS -m 10 http://a":           "curl",
	} {
		name, _, err := Tool(strings.Fields(line))
		if (err == nil) != (want != "") || want != "" && name != want {
			t.Errorf("%s: %q, %v", line, name, err)
		}
	}
	if _, args, err := Tool([]string{"pulumi", "config", "set", "--secret", "--path", "a.b"}); err != nil || !slices.Equal(args, []string{"a.b"}) {
		t.Errorf("%q, %v", args, err)
	}
}
