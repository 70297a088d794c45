package infra

import (
	"errors"
	"slices"
	"strings"

	"averazure/internal/settings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// zonedRegions are the regions with availability zones, all of them with three (2025).
// A region that is not among them counts as one without.
// https://learn.microsoft.com/azure/reliability/regions-list
var zonedRegions = strings.Fields(`
	australiaeast austriaeast belgiumcentral brazilsouth canadacentral centralindia
	centralus chilecentral eastasia eastus eastus2 francecentral germanywestcentral
	indonesiacentral israelcentral italynorth japaneast japanwest koreacentral
	malaysiawest mexicocentral newzealandnorth northeurope norwayeast polandcentral
	qatarcentral southafricanorth southcentralus southeastasia spaincentral
	swedencentral switzerlandnorth uaenorth uksouth westeurope westus2 westus3
	chinanorth3 usgovvirginia`)

// regionZones are the zones of a region; nil where it has none.
func regionZones(location string) []string {
	if slices.Contains(zonedRegions, location) {
		return []string{"1", "2", "3"}
	}
	return nil
}

// zones are the zones that VMs are spread over.
func (c Config) zones() []string {
	if regionZones(c.Location) == nil {
		return nil
	}
	return c.Zones
}

// zone is the zone of a role's n-th VM, counted from 0. If it is empty, Azure chooses the
// place. A disk that is made with its VM is in the VM's zone.
func (c Config) zone(n int) string {
	zones := c.zones()
	if len(zones) == 0 {
		return ""
	}
	return zones[n%len(zones)]
}

// placed are the nodes with the zones that their VMs get. A VM cannot move: a VM that was
// made without a zone, before this program supported zones, gets none until the settings
// file names some. A preview says which VMs stay, and which are rebuilt and lose their
// disks.
func (b *builder) placed(nodes []node) ([]node, error) {
	var kept, moved []string
	for i, n := range nodes {
		before, made := b.args.Drift.Zone(b.child(n.key))
		switch {
		case !made || before == n.zone:
		case before == "" && !b.args.ZonesNamed:
			nodes[i].zone = ""
			kept = append(kept, n.name)
		default:
			moved = append(moved, n.name)
		}
	}
	if !b.ctx.DryRun() {
		return nodes, nil
	}
	return nodes, errors.Join(
		b.warn("zones", kept, "these VMs have no zone and may all be in one rack: %s. "+
			"With zones named in the settings file they are rebuilt there, one after another; `averazure:zones: []` ends this warning"),
		b.warn("zones", moved, "a VM cannot move to another zone, so these are rebuilt, one after another: %s"))
}

// warn warns about a key if any VMs are concerned.
func (b *builder) warn(key string, names []string, format string) error {
	if len(names) == 0 {
		return nil
	}
	return b.ctx.Log.Warn(settings.Warningf(key, format, strings.Join(names, ", ")), &pulumi.LogArgs{Resource: b.infra})
}

func (c Config) validateZones(p *problems) {
	all := regionZones(c.Location)
	for i, zone := range c.Zones {
		switch {
		case slices.Contains(c.Zones[:i], zone):
			p.add("zones", zone, "is listed twice; list it once")
		case all != nil && !slices.Contains(all, zone):
			p.add("zones", zone, "not a zone of %s; choose from %s, or write [] for none", c.Location, strings.Join(all, ", "))
		}
	}
}

// zoneWarning warns if VMs are to be spread over zones in a region without known zones.
// That is so with a list other than the default, or with several managers, which are there
// so that one of them may be lost.
func (c Config) zoneWarning() string {
	asked := c.Managers > 1 || !slices.Equal(c.Zones, Defaults().Zones)
	if len(c.Zones) == 0 || !asked || regionZones(c.Location) != nil {
		return ""
	}
	return settings.Warningf("zones", "this program knows no zones of %s, so every VM is made without one, and all may be in one building; "+
		"`az account list-locations` lists the regions with zones, and `averazure:zones: []` ends this warning", c.Location)
}
