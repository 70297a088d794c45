package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

type network struct {
	SSHCidrs    []string
	PublicPorts []int
}

type sample struct {
	network
	VMImage     string
	Workers     int
	StackDeploy bool
	Variables   map[string]string
}

func set(values map[string]string) *Set {
	all := map[string]string{"azure-native:location": "elsewhere"}
	for key, value := range values {
		all[Name(key)] = value
	}
	return Parse(all)
}

func TestKey(t *testing.T) {
	for field, want := range map[string]string{
		"SSHCidrs": "sshCidrs", "VMImage": "vmImage", "Workers": "workers", "OIDCSubjects": "oidcSubjects",
		"PublicPorts": "publicPorts", "ID": "id", "OSDiskSizeGB": "osDiskSizeGB",
	} {
		if got := Key(field); got != want {
			t.Errorf("Key(%s) is %s, want %s", field, got, want)
		}
	}
}

func TestFillSetsConfiguredValuesAndKeepsTheRest(t *testing.T) {
	config := sample{Workers: 2, VMImage: "kept"}
	problems := set(map[string]string{
		"sshCidrs": `["10.0.0.0/8"]`, "publicPorts": "[80, 443]", "workers": "5", "stackDeploy": "true",
		"variables": `{"TAG": "1.10", "PORT": 8080, "ON": true, "NONE": ""}`,
	}).Fill(&config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if config.Workers != 5 || config.VMImage != "kept" || !config.StackDeploy || len(config.PublicPorts) != 2 || config.SSHCidrs[0] != "10.0.0.0/8" {
		t.Errorf("filled %+v", config)
	}
	if !maps.Equal(config.Variables, map[string]string{"TAG": "1.10", "PORT": "8080", "ON": "true", "NONE": ""}) {
		t.Errorf("filled %v", config.Variables)
	}
}

// The engine passes a value that was written without quotes as a number.
func TestNumbersOfAListOfTextsAreTexts(t *testing.T) {
	for raw, want := range map[string][]string{`[1, "2", 3]`: {"1", "2", "3"}, `[]`: {}, `["a"]`: {"a"}} {
		var config sample
		if problems := set(map[string]string{"sshCidrs": raw}).Fill(&config); len(problems) > 0 || !slices.Equal(config.SSHCidrs, want) {
			t.Errorf("%s: %q (%v), want %q", raw, config.SSHCidrs, problems, want)
		}
	}
	for _, raw := range []string{`[1.5]`, `[true]`, `[[]]`, `{}`, `[1] x`} {
		if problems := set(map[string]string{"sshCidrs": raw}).Fill(&sample{}); len(problems) != 1 {
			t.Errorf("%s: problems %v", raw, problems)
		}
	}
}

func TestBadValuesNameTheirKey(t *testing.T) {
	for _, test := range []struct{ key, raw, says string }{
		{"workers", "many", ""}, {"stackDeploy", "perhaps", ""}, {"sshCidrs", "10.0.0.0/8", ""}, {"publicPorts", `["http"]`, ""},
		{"variables", "TAG=1", "`pulumi config set --path "}, {"variables", `["TAG"]`, "`pulumi config set --path "},
		// TAG was 1.10 and has become 1.1 by then.
		{"variables", `{"TAG": 1.1}`, "TAG "}, {"variables", `{"TAG": null}`, "TAG "}, {"variables", `{"TAG": {}}`, "TAG "},
	} {
		problems := set(map[string]string{test.key: test.raw}).Fill(&sample{})
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "averazure:"+test.key+": ") || !strings.Contains(problems[0].Error(), test.says) {
			t.Errorf("%s=%s gave %v", test.key, test.raw, problems)
		}
	}
}

func TestUnknownKeyNamesTheNearest(t *testing.T) {
	s := set(map[string]string{"worker": "3", "zzzzzzzzzz": "1", "registryToken": "x"})
	s.Known("registryToken")
	s.Fill(&sample{})
	problems := s.Unknown()
	if len(problems) != 2 {
		t.Fatalf("problems: %v", problems)
	}
	if !strings.Contains(problems[0].Error(), "averazure:workers?") {
		t.Errorf("no hint in %q", problems[0])
	}
	if strings.Contains(problems[1].Error(), "?") {
		t.Errorf("a far-fetched hint in %q", problems[1])
	}
}

func TestKeysOfProblems(t *testing.T) {
	all := errors.Join(Problemf("zones", "%d", 9), errors.New("something else"), Problemf("registryMirrors[1]", "no scheme"))
	if got := Keys(fmt.Errorf("2 problems: %w", all)); !slices.Equal(got, []string{"zones", "registryMirrors"}) {
		t.Errorf("keys %q", got)
	}
	if got := Keys(errors.New("something else")); got != nil {
		t.Errorf("keys %q", got)
	}
}
