package settings

import (
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
}

func set(values map[string]string) *Set {
	all := map[string]string{"azure-native:location": "elsewhere"}
	for key, value := range values {
		all["averazure:"+key] = value
	}
	return Parse("averazure", all)
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

func TestFillSetsWhatIsConfiguredAndKeepsTheRest(t *testing.T) {
	config := sample{Workers: 2, VMImage: "kept"}
	problems := set(map[string]string{
		"sshCidrs": `["10.0.0.0/8"]`, "publicPorts": "[80, 443]", "workers": "5", "stackDeploy": "true",
	}).Fill(&config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if config.Workers != 5 || config.VMImage != "kept" || !config.StackDeploy || len(config.PublicPorts) != 2 || config.SSHCidrs[0] != "10.0.0.0/8" {
		t.Errorf("filled %+v", config)
	}
}

func TestBadValuesNameTheirKey(t *testing.T) {
	for key, raw := range map[string]string{
		"workers": "many", "stackDeploy": "perhaps", "sshCidrs": "10.0.0.0/8", "publicPorts": `["http"]`,
	} {
		problems := set(map[string]string{key: raw}).Fill(&sample{})
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), "averazure:"+key) {
			t.Errorf("%s=%s gave %v", key, raw, problems)
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
	if !strings.Contains(problems[0].Error(), "did you mean averazure:workers?") {
		t.Errorf("no hint in %q", problems[0])
	}
	if strings.Contains(problems[1].Error(), "did you mean") {
		t.Errorf("a far-fetched hint in %q", problems[1])
	}
}
