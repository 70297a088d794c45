package azuretypes_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/azuretypes"
	"averazure/internal/recorder"
)

const (
	ruleToken  = "azure-native:network/v20190601:SecurityRule"
	nicToken   = "azure-native:network/v20190601:NetworkInterface"
	vmToken    = "azure-native:compute/v20230301:VirtualMachine"
	appToken   = "azure-native:web/v20231201:WebApp"
	vaultToken = "azure-native_keyvault_v20260201:keyvault:Vault"
	groupToken = "azure-native:resources:ResourceGroup"
)

// right are inputs that Azure takes.
var right = map[string]string{
	ruleToken: `{"resourceGroupName": "g", "networkSecurityGroupName": "n", "access": "Allow", "direction": "Inbound",
		"protocol": "Tcp", "priority": 100, "sourceAddressPrefixes": ["192.0.2.1/32"]}`,
	nicToken: `{"resourceGroupName": "g", "ipConfigurations": [{"name": "a"}, {"privateIPAllocationMethod": "Static", "primary": true,
		"subnet": {"id": "s"}}]}`,
	vmToken: `{"resourceGroupName": "g", "hardwareProfile": {"vmSize": "Standard_B2ls_v2"}, "storageProfile": {"osDisk":
		{"createOption": "FromImage", "caching": "ReadWrite", "diskSizeGB": 32, "managedDisk": {"storageAccountType": "StandardSSD_LRS"}}}}`,
	appToken: `{"resourceGroupName": "g", "siteConfig": {"appSettings": [{"name": "a", "value": "b"}]},
		"functionAppConfig": {"runtime": {"name": "custom", "version": "1.0"}, "scaleAndConcurrency": {"instanceMemoryMB": 2048}}}`,
	vaultToken: `{"resourceGroupName": "g", "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, "enableSoftDelete": true}}`,
	groupToken: `{"resourceGroupName": "g", "tags": {"project": "averazure"}}`,
}

// TestMutationsAreFound changes one thing in inputs that are right, and expects it to be
// found.
func TestMutationsAreFound(t *testing.T) {
	for _, test := range []struct {
		name, token, at string
		value           any // nil removes the property
		kind            azuretypes.Kind
		allowed         string
	}{
		{"unknown property", ruleToken, "acces", "Allow", azuretypes.UnknownProperty, "access, "},
		{"unknown property inside", vmToken, "storageProfile.osDisk.diskSizeGb", 32.0, azuretypes.UnknownProperty, "diskSizeGB"},
		{"unknown property in a list", nicToken, "ipConfigurations.1.privateIpAddress", "10.0.0.4", azuretypes.UnknownProperty, "privateIPAddress"},
		{"unknown property of a web app", appToken, "functionAppConfig.runtime.language", "node", azuretypes.UnknownProperty, "name, version"},
		{"read-only property", ruleToken, "etag", "x", azuretypes.ReadOnly, "access"},
		{"read-only property inside", appToken, "siteConfig.machineKey", map[string]any{}, azuretypes.ReadOnly, "alwaysOn"},
		{"value of an open enumeration", ruleToken, "protocol", "tcp", azuretypes.WrongValue, "*, Esp, Icmp, Tcp, Udp"},
		{"value of a closed enumeration", vaultToken, "properties.sku.name", "Standard", azuretypes.WrongValue, "premium, standard"},
		{"value in a list", nicToken, "ipConfigurations.1.privateIPAllocationMethod", "static", azuretypes.WrongValue, "Dynamic, Static"},
		{"missing property", ruleToken, "direction", nil, azuretypes.Missing, "SecurityRuleDirection"},
		{"read-only property of the vault", vaultToken, "properties.vaultUri", "https://a", azuretypes.ReadOnly, "tenantId"},
		{"missing property inside", vaultToken, "properties.tenantId", nil, azuretypes.Missing, "string"},
		{"text for a number", ruleToken, "priority", "100", azuretypes.WrongType, "number"},
		{"number for a text", ruleToken, "access", 1.0, azuretypes.WrongType, "string or "},
		{"text for a boolean", vaultToken, "properties.enableSoftDelete", "true", azuretypes.WrongType, "boolean"},
		{"text for an object", vmToken, "hardwareProfile", "Standard_B2s", azuretypes.WrongType, "HardwareProfileArgs"},
		{"text for a list", ruleToken, "sourceAddressPrefixes", "10.0.0.0/8", azuretypes.WrongType, "list<string>"},
		{"number in a map", groupToken, "tags.count", 1.0, azuretypes.WrongType, "string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems := check(t, test.token, test.at, test.value)
			if len(problems) != 1 {
				t.Fatalf("found %q, want one problem", problems)
			}
			p := problems[0]
			if p.Kind != test.kind || p.Token != test.token || strings.NewReplacer("[", ".", "]", "").Replace(p.Path) != test.at {
				t.Errorf("found %s, want %s at %s", p, test.kind, test.at)
			}
			if !strings.Contains(p.Allowed, test.allowed) {
				t.Errorf("it allows %q, want %q in it", p.Allowed, test.allowed)
			}
		})
	}
}

func TestValuesThatAzureAcceptsHaveNoProblem(t *testing.T) {
	for token := range right {
		if problems := check(t, token, "", nil); len(problems) > 0 {
			t.Errorf("found %q", problems)
		}
	}
}

func TestUnknownTypeIsAProblem(t *testing.T) {
	const token = "azure-native:network/v20190602:SecurityRule"
	problems := table(t, token).Check(token, nil)
	if len(problems) != 1 || problems[0].Kind != azuretypes.UnknownResource {
		t.Errorf("found %q", problems)
	}
}

func TestSecretAndUnknownValuesAreSeenThrough(t *testing.T) {
	inputs := resource.PropertyMap{
		"resourceGroupName": resource.NewProperty(resource.Computed{Element: resource.NewProperty("")}),
		"tags":              resource.MakeSecret(resource.NewProperty(resource.PropertyMap{"a": resource.NewProperty(true)})),
	}
	problems := table(t, groupToken).Check(groupToken, inputs)
	if len(problems) != 1 || problems[0].Path != "tags.a" {
		t.Errorf("found %q, want the boolean in the secret map alone", problems)
	}
}

// The text of a value may be a secret: a problem names it only if the value must be one of
// a fixed list of words.
func TestProblemsDoNotTellValues(t *testing.T) {
	for _, problem := range check(t, vaultToken, "properties.enableSoftDelete", "hunter2") {
		if strings.Contains(problem.String(), "hunter2") {
			t.Errorf("%s tells the value", problem)
		}
	}
}

// table is the table that has the definition of a token.
func table(t *testing.T, token string) *azuretypes.Table {
	t.Helper()
	tables, err := azuretypes.Load()
	if err != nil {
		t.Fatal(err)
	}
	return tables.Of(token)
}

// check checks the right inputs of a type with one change.
func check(t *testing.T, token, at string, value any) []azuretypes.Problem {
	t.Helper()
	var inputs map[string]any
	if err := json.Unmarshal([]byte(right[token]), &inputs); err != nil {
		t.Fatal(err)
	}
	if at != "" {
		change(inputs, strings.Split(at, "."), value)
	}
	properties := resource.NewPropertyMapFromMap(inputs)
	if got := recorder.At(properties, at); at != "" && value != nil && got == nil {
		t.Fatalf("%s was not set", at)
	}
	return table(t, token).Check(token, properties)
}

// change sets the value at a path, or removes it.
func change(in any, path []string, value any) {
	switch at := in.(type) {
	case map[string]any:
		if len(path) > 1 {
			change(at[path[0]], path[1:], value)
		} else if value == nil {
			delete(at, path[0])
		} else {
			at[path[0]] = value
		}
	case []any:
		change(at[int(path[0][0]-'0')], path[1:], value)
	}
}
