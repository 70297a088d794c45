package infra

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"averazure/internal/recorder"
)

// vaultResources are the vault and its secrets.
func vaultResources(t *testing.T, c Config) []*recorder.Resource {
	t.Helper()
	r, _ := mustRecord(t, c)
	found := append(r.OfType(vaultType), r.OfType(secretType)...)
	if len(found) != 3 {
		t.Fatalf("%d resources of the vault's package, want 3", len(found))
	}
	return found
}

// The provider derives the package's name from the parameter and refuses another name
// (generateNewPackageName in azure-native's provider_parameterize.go).
func TestVaultIsOfThePackageThatTheProviderMakes(t *testing.T) {
	for _, res := range vaultResources(t, full()) {
		if res.Package.GetName() != "azure-native" || res.Package.GetVersion() != vaultProvider {
			t.Fatalf("%s is of %v", res.Name, res.Package)
		}
		asked := res.Package.GetParameterization()
		text, err := base64.StdEncoding.DecodeString(string(asked.GetValue()))
		if err != nil {
			t.Fatal(err)
		}
		var parameter struct{ Module, Version string }
		if err := json.Unmarshal(text, &parameter); err != nil {
			t.Fatal(err)
		}
		name := strings.Join([]string{"azure-native", parameter.Module, parameter.Version}, "_")
		if asked.GetName() != name || asked.GetVersion() != vaultProvider || !strings.HasPrefix(res.Type, name+":"+parameter.Module+":") {
			t.Errorf("%s %s: package %s %s, want %s", res.Type, res.Name, asked.GetName(), asked.GetVersion(), name)
		}
	}
}

// A changed number of days applies to the blobs only. At the vault, every update would
// fail.
func TestVaultKeepsTheDaysThatItWasMadeWith(t *testing.T) {
	ignored := vaultResources(t, full())[0].Request.GetIgnoreChanges()
	if !slices.Contains(ignored, "properties.softDeleteRetentionInDays") {
		t.Errorf("ignored are %q", ignored)
	}
}

// A vault that an earlier version of the program made counts as this vault.
func TestVaultOfTheFormerTypeStays(t *testing.T) {
	for _, res := range vaultResources(t, full()) {
		kind := res.Type[strings.LastIndex(res.Type, ":")+1:]
		aliases := res.Request.GetAliases()
		if len(aliases) != 1 || aliases[0].GetSpec().GetType() != "azure-native:keyvault/v20230701:"+kind {
			t.Errorf("%s has the aliases %v", res.Name, aliases)
		}
	}
}
