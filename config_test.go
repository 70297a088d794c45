package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"averazure/internal/golden"
	"averazure/internal/recorder"
	"averazure/internal/settings"
)

// broken holds one wrong value for every key.
var broken = map[string]string{
	"location": "Nowhere!", "prefix": "No_Prefix", "nameSalt": "sal ty!", "managers": "2", "workers": "-1", "door": "aver-manager-2",
	"managerSize": "large", "workerSize": "large", "vmImage": "debian", "diskGB": "1", "dataDiskGB": "2", "workerDataDiskGB": "5000", "dataDiskType": "Floppy", "keepData": "perhaps", "adminUser": "root",
	"vnetCidr": "10.20.0.0", "subnetCidr": "192.168.0.0/24", "sshCidrs": `["here"]`, "adminCidrs": `["0.0.0.0/0"]`,
	"zones": `["9"]`, "loadBalancer": "perhaps", "dnsLabel": "-no-label", "domain": "no domain", "dnsZone": "no zone", "dnsZoneResourceGroup": "no group",
	"acmeServer": "letsencrypt", "acmeEmail": "nobody",
	"publicPorts": "[70000]", "adminPorts": "[0]", "oidcSubjects": `[""]`, "functionRuntime": "cobol", "softDeleteDays": "1",
	"purgeProtection": "perhaps", "backupTime": "at night", "backupDays": "0", "keepBackups": "perhaps", "registryServer": "https://ghcr.io", "registryUsername": "your org", "registryToken": "",
	"registryPullUsername": "your org", "registryPullToken": "some-token",
	"registryMirrors": `["mirror.example"]`, "swarmPool": "10.20.0.0/16", "deployUser": "root", "deployScope": "everything", "deployTimeout": "1s", "deployPatience": "soon", "maintenanceWindow": "at night", "rebalance": "maybe", "logMaxSize": "big", "logMaxFiles": "0", "secrets": "[]", "stackName": "No Stack", "stackFiles": `["absent.yml"]`, "stackVariables": `{"PREFIX": "mine"}`, "stacks": `{"web": "nobody"}`,
	"stackDeploy": "perhaps", "appService": "absent", "appImage": "Bad:Image", "appContext": "docs",
	"githubOwner": "no owner", "codeRepo": "no repo", "stackRepo": "no repo",
	"stackRepoToken": "some-token", "stackRepoApp": "no app", "stackRepoEnvironment": "no environment",
}

func TestEveryKeyBrokenOnceIsNamed(t *testing.T) {
	for key := range declaredKeys(t) {
		t.Run(key, func(t *testing.T) {
			value, ok := broken[key]
			if !ok {
				t.Fatal("this test has no wrong value for the key")
			}
			config := shipped(t, "dev")
			config[settings.Name(key)] = value
			refused := key
			switch key {
			case "codeRepo", "stackRepo":
				config[settings.Name("githubOwner")] = "your-org"
			case "registryPullToken": // a token needs a user name, and none is set
				config[settings.Name("registryUsername")], config[settings.Name("registryToken")] = "", ""
				refused = "registryPullUsername"
			}
			r, err := record(t, config, nil)
			if !slices.Contains(settings.Keys(err), refused) {
				t.Errorf("error is %v, want one about %s", err, settings.Name(refused))
			}
			if n := len(r.Resources()); n > 0 {
				t.Errorf("%d resources were registered before the error", n)
			}
		})
	}
}

// Values that have the right form are refused if they would fail in the middle of an
// update, or succeed without any effect.
func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for _, test := range []struct{ key, value, refused string }{
		{"adminUser", "deploy", "deployUser"},
		{"secrets", `{"azure_client_id": "x"}`, "secrets"},
		{"secrets", `{"not a name": "x"}`, "secrets"},
		{"secrets", `{"smtp": ""}`, "secrets"},
		{"appImage", "aver-api", "appImage"},
		{"appImage", "ghcr.io/your-org/api", "appImage"},
		{"registryToken", " \n", "registryToken"},
		{"registryPullToken", "a-token\n", "registryPullToken"},
		{"stackRepoToken", " a-token", "stackRepoToken"},
		{"registryUsername", "", "registryUsername"},
		{"deployUser", "daemon", "deployUser"},
		{"deployUser", "www-data", "deployUser"},
		{"swarmPool", "8.8.0.0/16", "swarmPool"},
		{"swarmPool", "172.16.0.0/12", "swarmPool"},
		{"swarmPool", "172.18.0.0/16", "swarmPool"},
	} {
		config := shipped(t, "dev")
		config[settings.Name(test.key)] = test.value
		if _, err := record(t, config, nil); !slices.Contains(settings.Keys(err), test.refused) {
			t.Errorf("%s = %q: error is %v", test.key, test.value, err)
		}
	}
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	config := shipped(t, "dev")
	config["averazure:managers"], config["averazure:prefix"], config["averazure:worker"] = "2", "No_Prefix", "3"
	delete(config, "averazure:location")
	_, err := record(t, config, nil)
	keys := settings.Keys(err)
	if slices.Sort(keys); !slices.Equal(keys, []string{"location", "managers", "prefix", "worker"}) {
		t.Errorf("keys %q: %v", keys, err)
	}
}

// A stack file's problems come as one error, and each counts.
func TestEachProblemCounts(t *testing.T) {
	one, three := errors.New("a"), errors.Join(errors.New("a"), errors.Join(errors.New("b"), errors.New("c")))
	if counted(one) != "1 problem" || counted(three) != "3 problems" {
		t.Errorf("%s, %s", counted(one), counted(three))
	}
}

// The messages about a wrong configuration are kept in a file, so that a person can read
// them.
func TestARefusedConfiguration(t *testing.T) {
	config := shipped(t, "dev")
	for key, value := range map[string]string{
		"managers": "2", "prefix": "No_Prefix", "worker": "3", "location": "westerope", "sshCidrs": `["192.0.2.1"]`, "appImage": "aver-api",
		"registryToken": "a-token\n", "secrets": `{"smtp": ""}`, "githubOwner": "no owner", "codeRepo": "code", "swarmPool": "8.8.0.0/16", "appService": "web",
	} {
		config[settings.Name(key)] = value
	}
	r, _ := record(t, config, nil)
	if told := false; r.Run(tell(run, &told)) == nil || !told {
		t.Fatal("it is accepted, or the engine shows no error")
	}
	golden.Compare(t, "refused.txt", strings.Join(r.Logs(), "\n")+"\n")
}

// Two previews of one configuration say the same.
func TestProblemsComeInOneOrder(t *testing.T) {
	config := shipped(t, "dev")
	for key, value := range map[string]string{"managerSize": "a", "workerSize": "b", "secrets": `{"-a": "", "-b": "", "-c": "", "-d": ""}`} {
		config[settings.Name(key)] = value
	}
	_, first := record(t, config, nil)
	for range 10 {
		if _, err := record(t, config, nil); err == nil || err.Error() != first.Error() {
			t.Fatalf("first\n%v\nthen\n%v", first, err)
		}
	}
}

// An Azure account in the provider's settings is refused. The key vault's provider does not
// read these settings, and would make the vault in another account.
func TestAccountInTheProvidersSettingsIsRefused(t *testing.T) {
	for key, refused := range map[string]bool{
		"subscriptionId": true, "tenantId": true, "clientId": true, "clientSecret": true, "useOidc": true, "environment": true,
		"location": false, "partnerId": false,
	} {
		config := shipped(t, "dev")
		config["azure-native:"+key] = "value-of-it"
		_, err := record(t, config, nil)
		if named := err != nil && strings.Contains(err.Error(), "azure-native:"+key+":"); named != refused {
			t.Errorf("%s: error is %v", key, err)
		}
		if err != nil && strings.Contains(err.Error(), "value-of-it") {
			t.Errorf("the error shows the value of %s", key)
		}
	}
}

// A default in Pulumi.yaml is not a setting.
func TestKeysOfTheSettingsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	for content, want := range map[string]bool{
		"config:\n  averazure:zones: []\n": true, "config:\n  averazure:zones: [1]\n": true,
		"config:\n  averazure:managers: 3\n": false, "": false, "config: [": false,
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hasKey(file, "zones"); got != want {
			t.Errorf("%q: %v", content, got)
		}
	}
	if hasKey(filepath.Join(t.TempDir(), "absent.yaml"), "zones") {
		t.Error("in a file that is not there")
	}
}

// A preview warns, with file and line, where the shipped stack file does not fit the
// configuration.
func TestStackFileIsComparedWithTheConfiguration(t *testing.T) {
	const edge = `stack.yml:53: "edge" 443/tcp 80 averazure:publicPorts`
	for _, test := range []struct {
		config  map[string]string
		warning string
	}{
		{map[string]string{"adminCidrs": "[]"}, "averazure:adminCidrs"},
		{nil, ""},
		{map[string]string{"prefix": "prod"}, ""},
		{map[string]string{"publicPorts": "[80]"}, edge},
		{map[string]string{"publicPorts": "[80]", "adminPorts": "[443, 15672, 8081]"}, edge},
	} {
		config := shipped(t, "dev")
		config[settings.Name("adminCidrs")] = `["198.18.0.1/32"]`
		for key, value := range test.config {
			config[settings.Name(key)] = value
		}
		r, err := record(t, config, func(r *recorder.Recorder) { r.Preview = true })
		if err != nil {
			t.Fatal(err)
		}
		warnings := slices.DeleteFunc(r.Logs(), func(line string) bool { return !strings.HasPrefix(line, "warning: repos/stack-repo/stack.yml:") })
		if test.warning == "" && len(warnings) > 0 || test.warning != "" && (len(warnings) != 1 || !hasWords(warnings[0], test.warning)) {
			t.Errorf("%v: warnings %q, want one with %q", test.config, warnings, test.warning)
		}
	}
}
