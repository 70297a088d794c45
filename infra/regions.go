package infra

import (
	"fmt"
	"slices"
	"strings"

	"averazure/internal/settings"
)

// regions are Azure's, as `az account list-locations` and its counterparts in the
// other clouds name them (2025). An unknown one may be new; see checkRegion.
// https://learn.microsoft.com/azure/reliability/regions-list
var regions = strings.Fields(`
	australiacentral australiacentral2 australiaeast australiasoutheast austriaeast
	belgiumcentral brazilsouth brazilsoutheast canadacentral canadaeast centralindia
	centralus chilecentral eastasia eastus eastus2 francecentral francesouth
	germanynorth germanywestcentral indonesiacentral israelcentral italynorth
	japaneast japanwest jioindiacentral jioindiawest koreacentral koreasouth
	malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast
	norwaywest polandcentral qatarcentral southafricanorth southafricawest
	southcentralus southeastasia southindia spaincentral swedencentral swedensouth
	switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest westcentralus
	westeurope westindia westus westus2 westus3
	chinaeast chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3
	usdodcentral usdodeast usgovarizona usgovtexas usgovvirginia`)

// checkRegion tells a misspelt region from one that is newer than the list. Only a misspelt
// region is an error: otherwise everything would be deleted before Azure refuses to make it
// there.
func checkRegion(name string) (warning string, err error) {
	if slices.Contains(regions, name) {
		return "", nil
	}
	letters := func(s string) string { return strings.TrimRight(s, "0123456789") }
	newNumber := slices.ContainsFunc(regions, func(r string) bool { return letters(r) == letters(name) })
	if near := settings.Nearest(name, regions, 2); near != "" && !newNumber {
		return "", fmt.Errorf("not an Azure region; did you mean %s?", near)
	}
	return settings.Warningf("location", "this program does not know the region %q; check that `az account list-locations` has it: "+
		"after a change of location everything is deleted first and made again", name), nil
}
