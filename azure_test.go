package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"averazure/internal/azuretypes"
	"averazure/internal/recorder"
	"averazure/internal/settings"
)

// everything is a value for every key, so that whatever the program can register
// is registered.
var everything = map[string]string{
	"location": "northeurope", "prefix": "every", "nameSalt": "salt", "managers": "3", "workers": "2", "door": "every-manager-2",
	"managerSize": "Standard_D2s_v5", "workerSize": "Standard_D4s_v5", "vmImage": "Debian:debian-13:13-gen2:0.20250814.2204",
	"diskGB": "64", "dataDiskGB": "128", "workerDataDiskGB": "64", "dataDiskType": "Premium_LRS", "keepData": "false", "adminUser": "operator1", "vnetCidr": "10.30.0.0/16", "subnetCidr": "10.30.2.0/24",
	"sshCidrs": `["192.0.2.0/24", "198.51.100.0/24"]`, "adminCidrs": `["192.0.2.0/24", "198.51.100.7/32"]`,
	"zones": `["2", "3"]`, "loadBalancer": "true", "dnsLabel": "everything", "domain": "app.example.com", "dnsZone": "example.com", "dnsZoneResourceGroup": "names",
	"acmeServer": "https://acme.example/directory", "acmeEmail": "ops@example.com",
	"publicPorts": "[80, 443, 8080]", "adminPorts": "[15672]", "functionRuntime": "python:3.12", "softDeleteDays": "90",
	"purgeProtection": "true", "backupTime": "03:30", "backupDays": "7", "keepBackups": "false", "swarmPool": "10.200.0.0/16", "deployUser": "deployer", "deployScope": "images", "deployTimeout": "15m", "deployPatience": "1m", "maintenanceWindow": "Saturday 23:00-01:00", "rebalance": "true", "logMaxSize": "20m", "logMaxFiles": "5",
	"registryServer": "registry.example", "registryUsername": "someone", "registryToken": "a-token",
	"registryPullUsername": "reader", "registryPullToken": "a-pull-token",
	"registryMirrors": `["https://mirror.example"]`, "secrets": `{"smtp_password": "a-password"}`,
	"stackName": "everything", "stackFiles": `["testdata/everything/stack.yml"]`, "stacks": `{"web": "pulumi"}`, "stackVariables": `{"EVERYTHING": "on"}`, "stackDeploy": "true", "appService": "api",
	"appImage": "your-org/api", "appContext": "repos/code-repo",
	"githubOwner": "your-org", "codeRepo": "code", "stackRepo": "stack",
	"stackRepoToken": "a-repository-token", "stackRepoEnvironment": "swarm",
	"oidcSubjects": `["repo:your-org/infra:environment:production", "repo:your-org/infra:pull_request"]`,
}

// onByDefault are the keys whose default already switches on everything that they can
// switch on.
var onByDefault = []string{"stackDeploy", "appService", "appContext"}

// inPlaceOf maps a key to another key that cannot be set beside it. Everything has a value
// for the other one.
var inPlaceOf = map[string]string{"stackRepoApp": "stackRepoToken"}

func TestAzureCheckSwitchesEverythingOn(t *testing.T) {
	for key, d := range declaredKeys(t) {
		if other := inPlaceOf[key]; other != "" {
			key = other
		}
		value, ok := everything[key]
		if !ok {
			t.Errorf("no value for %s: give it one that makes the program register whatever the key is for", key)
			continue
		}
		if d.Default != nil && value == engineText(t, d.Default) && !slices.Contains(onByDefault, key) {
			t.Errorf("%s has its default's value %s, which switches nothing on", key, value)
		}
	}
}

// TestAzureTakesEveryInput is the test that `make check-azure` runs. It checks the shipped
// configurations, and everything that they leave out, against the types that Azure
// publishes.
func TestAzureTakesEveryInput(t *testing.T) {
	tables, err := azuretypes.Load()
	if err != nil {
		t.Fatal(err)
	}
	everyShipped(t, func(t *testing.T, _ string, r *recorder.Recorder) { checkAzure(t, tables, r) })
	for _, stack := range shippedStacks() {
		t.Run(stack+" with everything", func(t *testing.T) {
			config := shipped(t, stack)
			for key, value := range everything {
				config[settings.Name(key)] = value
			}
			r, err := record(t, config, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkAzure(t, tables, r)
			for _, table := range tables {
				for token := range table.Resources {
					if len(r.OfType(token)) == 0 {
						t.Errorf("nothing of type %s is registered: take it out of the types", token)
					}
				}
			}
		})
	}
}

func checkAzure(t *testing.T, tables azuretypes.Tables, r *recorder.Recorder) {
	t.Helper()
	for _, res := range r.Resources() {
		if !strings.HasPrefix(res.Type, "azure-native") {
			continue
		}
		table, version := tables.Of(res.Type), res.Request.GetVersion()
		if res.Package != nil {
			version = res.Package.GetVersion()
		}
		if table == nil {
			t.Errorf("%s: there are no types for the package of %s", res.Name, res.Type)
			continue
		}
		if version != table.Version {
			t.Errorf("%s asks for version %q of the provider, and the types are those of %s: extract them again", res.Name, version, table.Version)
		}
		for _, problem := range table.Check(res.Type, res.Inputs) {
			t.Errorf("%s: %s", res.Name, problem)
		}
	}
}

// shippedStacks are the Pulumi stacks whose settings come with the project.
func shippedStacks() []string {
	stacks := []string{"dev", "sandbox"}
	if _, err := os.Stat("Pulumi.prod.yaml"); err == nil {
		stacks = append(stacks, "prod")
	}
	return stacks
}
