package infra

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

func TestEveryZonedRegionIsARegion(t *testing.T) {
	for _, region := range zonedRegions {
		if !slices.Contains(regions, region) {
			t.Errorf("%s is not a region", region)
		}
	}
	// These regions have no zones, although one would expect some.
	for _, region := range []string{"westus", "northcentralus", "ukwest", "canadaeast", "switzerlandwest"} {
		if regionZones(region) != nil {
			t.Errorf("%s has zones %v", region, regionZones(region))
		}
	}
}

// Managers and workers are spread over the zones separately, so that one more manager moves
// no worker.
func TestMachinesAreSpreadOverZones(t *testing.T) {
	for name, test := range map[string]struct {
		location string
		zones    []string
		want     string
	}{
		"the region's":                     {"westeurope", Defaults().Zones, "aver-manager 1, aver-manager-2 2, aver-manager-3 3, aver-worker-1 1, aver-worker-2 2"},
		"two of them":                      {"westeurope", []string{"3", "2"}, "aver-manager 3, aver-manager-2 2, aver-manager-3 3, aver-worker-1 3, aver-worker-2 2"},
		"none":                             {"westeurope", []string{}, ""},
		"a region without":                 {"westus", Defaults().Zones, ""},
		"asked where there are":            {"westus", []string{"1"}, ""},
		"a region newer than this program": {"moonbase", []string{"1"}, ""},
	} {
		c := full()
		c.Location, c.Zones = test.location, test.zones
		r, _ := mustRecord(t, c)
		zones := map[string]string{}
		for _, vm := range r.OfType(vmType) {
			if list, ok := recorder.At(vm.Inputs, "zones").([]any); ok && len(list) == 1 {
				zones[vm.Name] = list[0].(string)
			} else if ok {
				t.Errorf("%s is in the zones %v", vm.Name, list)
			}
		}
		var got []string
		for _, name := range slices.Sorted(maps.Keys(zones)) {
			got = append(got, name+" "+zones[name])
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestZonesThatARegionLacksAreWarnedOf(t *testing.T) {
	c := full()
	for location, want := range map[string]bool{"westus": true, "moonbase": true, "westeurope": false} {
		c.Location, c.Zones = location, []string{"1"}
		if got := c.zoneWarning(); (got != "") != want || want && !(strings.HasPrefix(got, "averazure:zones: ") && strings.Contains(got, location)) {
			t.Errorf("%s: %q", location, got)
		}
		if problems := c.Validate(); len(problems) > 0 {
			t.Errorf("%s: %v", location, problems)
		}
		for _, silent := range [][]string{nil, {}} {
			if c.Zones = silent; c.zoneWarning() != "" {
				t.Errorf("%s with zones %v: %s", location, silent, c.zoneWarning())
			}
		}
		// With the default zones, a region without zones causes a warning only for several
		// managers, which may be in one building. A single manager is in one anyway.
		for managers, doubted := range map[int]bool{1: false, 3: want} {
			c.Zones, c.Managers = Defaults().Zones, managers
			if got := c.zoneWarning(); (got != "") != doubted {
				t.Errorf("%s with %d managers: %q", location, managers, got)
			}
		}
	}
}

// In a Pulumi stack from before this program supported zones, the default zones would
// rebuild all managers at once, and the Swarm with them. So VMs are rebuilt only for zones
// that somebody named.
func TestVMsAreRebuiltForZonesThatSomebodyNamed(t *testing.T) {
	for name, test := range map[string]struct {
		zones  []string
		named  bool
		before map[string]string
		stay   string // in no zone
		warns  string
	}{
		"made without":      {Defaults().Zones, false, map[string]string{"aver-manager": "", "aver-worker-1": "1"}, "aver-manager", ": aver-manager"},
		"and told":          {Defaults().Zones, true, map[string]string{"aver-manager": "", "aver-worker-1": "1"}, "", ": aver-manager"},
		"made without, off": {nil, true, map[string]string{"aver-manager": "", "aver-worker-1": ""}, "aver-manager aver-manager-2 aver-manager-3 aver-worker-1 aver-worker-2", ""},
		"another zone":      {[]string{"3"}, true, map[string]string{"aver-manager": "1", "aver-worker-1": "3", "aver-worker-2": "2"}, "", ": aver-manager, aver-worker-2"},
		"a new stack":       {Defaults().Zones, false, nil, "", ""},
	} {
		c := full()
		c.Zones = test.zones
		for _, preview := range []bool{true, false} {
			r := &recorder.Recorder{Preview: preview}
			err := r.Run(func(ctx *pulumi.Context) error {
				_, err := New(ctx, c.Prefix, Args{Config: c, Now: moment, ZonesNamed: test.named, Drift: drift.InZones(test.before)})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var stay []string
			for _, vm := range r.OfType(vmType) {
				if recorder.At(vm.Inputs, "zones") == nil {
					stay = append(stay, vm.Name)
				}
			}
			slices.Sort(stay)
			if got := strings.Join(stay, " "); got != test.stay {
				t.Errorf("%s, preview %v: in no zone are %q, want %q", name, preview, got, test.stay)
			}
			logs := strings.Join(slices.DeleteFunc(r.Logs(), func(line string) bool { return !strings.HasPrefix(line, "warning: averazure:zones: ") }), "\n")
			if (logs != "") != (preview && test.warns != "") || preview && !strings.Contains(logs, test.warns) {
				t.Errorf("%s, preview %v: %q, want %q", name, preview, logs, test.warns)
			}
		}
	}
}
