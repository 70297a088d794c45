package infra

import (
	"encoding/base64"
	"strings"
	"testing"

	"averazure/internal/recorder"
)

func TestMachines(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, vm := range r.OfType(vmType) {
		for path, want := range map[string]any{
			"securityProfile.securityType":                               "TrustedLaunch",
			"securityProfile.uefiSettings.secureBootEnabled":             true,
			"securityProfile.uefiSettings.vTpmEnabled":                   true,
			"osProfile.linuxConfiguration.disablePasswordAuthentication": true,
			"osProfile.adminUsername":                                    "aver",
			"storageProfile.osDisk.deleteOption":                         "Delete",
			"storageProfile.imageReference.sku":                          "13-gen2",
			"osProfile.adminPassword":                                    nil,
			"identity":                                                   nil,
		} {
			if got := recorder.At(vm.Inputs, path); got != want {
				t.Errorf("%s: %s is %v, want %v", vm.Name, path, got, want)
			}
		}
		if !vm.Request.GetDeleteBeforeReplace() {
			t.Errorf("%s must be deleted before it is replaced: its NIC can be on one machine only", vm.Name)
		}
		if len(vm.Request.GetReplaceOnChanges()) == 0 {
			t.Errorf("%s: Azure refuses to change custom data in place", vm.Name)
		}
	}
}

// Every machine has a host key of its own, inside its own custom data.
func TestHostKeysAreInjected(t *testing.T) {
	r, _ := mustRecord(t, full())
	seen := map[string]bool{}
	for _, vm := range r.OfType(vmType) {
		text, err := base64.StdEncoding.DecodeString(recorder.At(vm.Inputs, "osProfile.customData").(string))
		if err != nil {
			t.Fatal(err)
		}
		public := recorder.At(r.Exports(), recorder.At(vm.Inputs, "vmName").(string)+".hostKey").(string)
		if !strings.Contains(string(text), public) || seen[public] {
			t.Errorf("%s: its custom data does not carry a host key of its own", vm.Name)
		}
		seen[public] = true
	}
}

func TestPublicAddressesAreStandardAndStatic(t *testing.T) {
	r, _ := mustRecord(t, full())
	if got := len(r.OfType(ipType)); got != 5 {
		t.Errorf("%d public addresses, want one for each node", got)
	}
	for _, ip := range r.OfType(ipType) {
		if recorder.At(ip.Inputs, "sku.name") != "Standard" || recorder.At(ip.Inputs, "publicIPAllocationMethod") != "Static" {
			t.Errorf("%s: Azure has retired Basic ones, and dynamic ones have no address at first", ip.Name)
		}
	}
	for _, nic := range r.OfType(nicType) {
		if recorder.At(nic.Inputs, "ipConfigurations.0.privateIPAllocationMethod") != "Static" {
			t.Errorf("%s: the private address must be fixed", nic.Name)
		}
	}
}
