package infra

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// A disk is in its VM's zone, because Azure refuses a disk in another zone. A deleted VM
// detaches its disk, because Azure would otherwise delete the disk and its data.
func TestEveryManagerHasADataDisk(t *testing.T) {
	c := full()
	c.WorkerDataDiskGB = 64
	r, _ := mustRecord(t, c)
	disks := map[string]*recorder.Resource{}
	for _, disk := range r.OfType(diskType) {
		disks[disk.Name] = disk
	}
	if len(disks) != 5 {
		t.Errorf("%d data disks, want 5", len(disks))
	}
	for _, vm := range r.OfType(vmType) {
		disk := disks[vm.Name+"-data"]
		if disk == nil {
			t.Errorf("%s has no data disk", vm.Name)
			continue
		}
		size := float64(32)
		if strings.Contains(vm.Name, "worker") {
			size = 64
		}
		for path, want := range map[string]any{
			"diskSizeGB": size, "creationData.createOption": "Empty", "sku.name": "StandardSSD_LRS", "networkAccessPolicy": "DenyAll",
			"diskName": vm.Name + "-data", "zones.0": recorder.At(vm.Inputs, "zones.0"),
		} {
			if got := recorder.At(disk.Inputs, path); got != want || want == nil {
				t.Errorf("%s: %s is %v, want %v", disk.Name, path, got, want)
			}
		}
		if !disk.Request.GetProtect() {
			t.Errorf("%s is not protected", disk.Name)
		}
		for path, want := range map[string]any{
			"lun": float64(0), "createOption": "Attach", "deleteOption": "Detach", "managedDisk.id": diskID(disk.Name), "diskSizeGB": nil,
		} {
			if got := recorder.At(vm.Inputs, "storageProfile.dataDisks.0."+path); got != want {
				t.Errorf("%s: dataDisks.0.%s is %v, want %v", vm.Name, path, got, want)
			}
		}
	}
}

func TestDataIsKeptByDefault(t *testing.T) {
	c := full()
	c.KeepData, c.DataDiskGB = false, 8
	r, _ := mustRecord(t, c)
	for _, disk := range r.OfType(diskType) {
		if disk.Request.GetProtect() {
			t.Errorf("%s is protected", disk.Name)
		}
	}
	if c.DataDiskGB = 0; len(mustDisks(t, c)) != 0 {
		t.Error("there are data disks where none are wanted")
	}
}

func mustDisks(t *testing.T, c Config) []*recorder.Resource {
	t.Helper()
	r, _ := mustRecord(t, c)
	return r.OfType(diskType)
}

// The disks that the last run left are respected: nothing is removed or moved unasked.
func TestDisksOfAStackThatExists(t *testing.T) {
	kept := map[string]drift.Disk{
		"aver-manager-data": {Zone: "1", GB: 32, Type: "StandardSSD_LRS"}, "aver-manager-2-data": {Zone: "2", GB: 32, Type: "StandardSSD_LRS"},
		"aver-manager-3-data": {Zone: "3", GB: 32, Type: "StandardSSD_LRS"},
	}
	vms := map[string]string{"aver-manager": "1", "aver-manager-2": "2", "aver-manager-3": "3", "aver-worker-1": "1"}
	for name, test := range map[string]struct {
		change func(*Config)
		named  bool
		disks  map[string]drift.Disk
		want   int    // disks
		zone   string // of the first manager
		says   string // a warning of the preview
		fails  string
	}{
		"without, from before":         {func(*Config) {}, false, nil, 0, "1", "averazure:dataDiskGB: ", ""},
		"without, and told":            {func(*Config) {}, true, nil, 3, "1", "", ""},
		"without, and told none":       {func(c *Config) { c.DataDiskGB = 0 }, true, nil, 0, "1", "", ""},
		"with":                         {func(*Config) {}, false, kept, 3, "1", "", ""},
		"bigger":                       {func(c *Config) { c.DataDiskGB = 64 }, true, kept, 3, "1", "", ""},
		"smaller":                      {func(c *Config) { c.DataDiskGB = 16 }, true, kept, 0, "", "", "averazure:dataDiskGB: 16"},
		"none":                         {func(c *Config) { c.DataDiskGB = 0 }, true, kept, 0, "", "", "averazure:dataDiskGB: 0"},
		"none, and not kept":           {func(c *Config) { c.DataDiskGB, c.KeepData = 0, false }, true, kept, 0, "", "", "averazure:dataDiskGB: 0"},
		"another type":                 {func(c *Config) { c.DataDiskType = "Premium_LRS" }, true, kept, 0, "", "", "averazure:dataDiskType: Premium_LRS"},
		"another zone":                 {func(c *Config) { c.Zones = []string{"2"} }, true, kept, 3, "1", "averazure:zones: ", ""},
		"fewer managers":               {func(c *Config) { c.Managers = 1 }, false, kept, 0, "", "", "averazure:keepData: aver-manager-2-data"},
		"fewer managers, and not kept": {func(c *Config) { c.Managers, c.KeepData = 1, false }, false, kept, 1, "1", "", ""},
	} {
		c := full()
		test.change(&c)
		for _, preview := range []bool{true, false} {
			r := &recorder.Recorder{Preview: preview}
			err := r.Run(func(ctx *pulumi.Context) error {
				_, err := New(ctx, c.Prefix, Args{Config: c, Now: moment, ZonesNamed: true, DataNamed: test.named, Drift: drift.WithDisks(vms, test.disks)})
				return err
			})
			if (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s: %v, want %q", name, err, test.fails)
			}
			if err != nil {
				continue
			}
			if got := len(r.OfType(diskType)); got != test.want {
				t.Errorf("%s: %d disks, want %d", name, got, test.want)
			}
			for _, vm := range r.OfType(vmType) {
				if got := fmt.Sprint(recorder.At(vm.Inputs, "zones.0")); vm.Name == "aver-manager" && got != test.zone {
					t.Errorf("%s: the first manager is in zone %s, want %s", name, got, test.zone)
				}
			}
			said := slices.ContainsFunc(r.Logs(), func(line string) bool {
				return strings.HasPrefix(line, "warning: "+test.says) && strings.Contains(line, ": aver-manager")
			})
			if test.says != "" && said != preview {
				t.Errorf("%s, preview %v: %q", name, preview, r.Logs())
			}
		}
	}
}

// diskID is the id that the recorder gives to a disk.
func diskID(name string) string {
	return "/subscriptions/" + recorder.Subscription + "/resourceGroups/aver-test/providers/Disk/" + name
}
