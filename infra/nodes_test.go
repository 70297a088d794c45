package infra

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

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
			"storageProfile.osDisk.name":                                 nil, // a disk that was left behind would still have the name
			"storageProfile.imageReference.sku":                          "13-gen2",
			"osProfile.adminPassword":                                    nil,
			"identity":                                                   nil,
		} {
			if got := recorder.At(vm.Inputs, path); got != want {
				t.Errorf("%s: %s is %v, want %v", vm.Name, path, got, want)
			}
		}
		if !vm.Request.GetDeleteBeforeReplace() {
			t.Errorf("%s must be deleted before it is replaced: its NIC can be on one VM only", vm.Name)
		}
		checkReplacement(t, vm)
	}
}

// checkReplacement checks that a VM is rebuilt for changes that Azure refuses, and not for
// changes that are made on running VMs.
func checkReplacement(t *testing.T, vm *recorder.Resource) {
	t.Helper()
	rebuilds := func(changed string) bool {
		path, err := resource.ParsePropertyPath(changed)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(vm.Request.GetReplaceOnChanges(), func(rule string) bool {
			parent, err := resource.ParsePropertyPath(rule)
			return err == nil && parent.Contains(path)
		})
	}
	for path, want := range map[string]bool{
		"osProfile.customData": true, "osProfile.computerName": true, "osProfile.adminUsername": true,
		"osProfile.linuxConfiguration.ssh.publicKeys[0].keyData":     true,
		"osProfile.linuxConfiguration.disablePasswordAuthentication": true,
		"networkProfile.networkInterfaces[0].id":                     true,
		"zones":                                                      true,
		"zones[0]":                                                   true,
		"storageProfile.imageReference.sku":                          true,
		"storageProfile.osDisk.diskSizeGB":                           true,
		"storageProfile.osDisk.caching":                              false,
		"storageProfile.osDisk.name":                                 false,
		"osProfile.linuxConfiguration.patchSettings":                 false,
		"osProfile.linuxConfiguration.patchSettings.patchMode":       false,
		"osProfile.linuxConfiguration.enableVMAgentPlatformUpdates":  false,
		"osProfile.allowExtensionOperations":                         false,
		"hardwareProfile.vmSize":                                     false,
	} {
		if got := rebuilds(path); got != want {
			t.Errorf("%s: a change of %s rebuilds it: %v, want %v", vm.Name, path, got, want)
		}
	}
}

// Values that Azure fills in later are inputs in these API versions, and a refresh would
// report them as drift every day. So they are ignored.
func TestValuesThatAzureSetsLaterAreNotDrift(t *testing.T) {
	r, _ := mustRecord(t, full())
	for token, want := range map[string][]string{
		nicType: {"macAddress", "primary", "ipConfigurations[*].etag"},
		"azure-native:network/v20190601:NetworkSecurityGroup": {"defaultSecurityRules"},
		balancerType: {"frontendIPConfigurations[*].etag", "backendAddressPools[*].etag", "probes[*].etag", "loadBalancingRules[*].etag", "outboundRules[*].etag"},
	} {
		for _, res := range r.OfType(token) {
			if got := res.Request.GetIgnoreChanges(); !slices.Equal(got, want) {
				t.Errorf("%s ignores %q, want %q", res.Name, got, want)
			}
		}
	}
}

// Every VM has a host key of its own, inside its own custom data.
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
	for _, ip := range r.OfType(ipType) {
		if recorder.At(ip.Inputs, "zones") != nil {
			t.Errorf("%s names zones: what it has changes, and with it the address", ip.Name)
		}
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
