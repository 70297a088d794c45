package azure

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestVirtualMachineBootsFromItsDefinition(t *testing.T) {
	s := newScene(t)
	vm, nic, public := s.node("aver-manager", "10.0.0.4")
	booted := s.fake.vms[text(vm.state, "vmId")]
	if booted.Name != "aver-manager" || booted.AdminUser != "aver" || string(booted.CustomData) != "#cloud-config\n" ||
		booted.PrivateIP != "10.0.0.4" || booted.PublicIP != text(public.state, "ipAddress") || booted.AuthorizedKeys[0] != testKey {
		t.Errorf("booted %+v", booted)
	}
	if s.fake.networks[booted.NetworkID] != "10.0.0.0/16" {
		t.Errorf("network %s is not that of %v", booted.NetworkID, s.fake.networks)
	}
	want := "/resourceGroups/aver-rg/providers/Microsoft.Compute/virtualMachines/aver-manager"
	if !strings.HasSuffix(vm.id, want) || !strings.HasPrefix(vm.id, "/subscriptions/") {
		t.Errorf("id %s", vm.id)
	}
	if _, there := at(vm.state, "osProfile").(object)["customData"]; there {
		t.Error("customData is given back")
	}
	if text(items(nic.state, "ipConfigurations")[0], "privateIPAddress") != "10.0.0.4" {
		t.Errorf("interface %v", nic.state)
	}
}

func TestVirtualMachineRefusals(t *testing.T) {
	s := newScene(t)
	_, taken, _ := s.node("aver-manager", "10.0.0.4")
	nic := s.create("NetworkInterface", "nic2", s.nicArgs("nic2", "10.0.0.5", nil))
	good := vmArgs("aver-worker-1", nic)
	for _, c := range []struct {
		code    string
		changes object
	}{
		{"InvalidParameter", object{"vmName": "aver_worker"}},
		{"InvalidParameter", object{"vmName": strings.Repeat("w", 65)}},
		{"InvalidParameter", object{"hardwareProfile.vmSize": "t3.small"}},
		{"InvalidParameter", object{"hardwareProfile": nil}},
		{"InvalidParameter", object{"networkProfile": nil}},
		{"InvalidParameter", object{"osProfile.adminUsername": "root"}},
		{"InvalidParameter", object{"osProfile.computerName": "aver_worker"}},
		{"InvalidParameter", object{"osProfile.customData": "#cloud-config"}},
		{"InvalidParameter", object{"osProfile.customData": strings.Repeat("AAAA", 30000)}},
		{"InvalidParameter", object{"osProfile.linuxConfiguration.ssh": nil}},
		{"InvalidParameter", object{"osProfile.linuxConfiguration.ssh": object{"publicKeys": []any{object{"path": "/root/.ssh/authorized_keys", "keyData": testKey}}}}},
		{"InvalidParameter", object{"osProfile.linuxConfiguration.ssh": object{"publicKeys": []any{object{"path": "/home/aver/.ssh/authorized_keys", "keyData": "ecdsa AAAA"}}}}},
		{"InvalidParameter", object{"storageProfile.imageReference": object{"publisher": "Debian"}}},
		{"ConflictingUserInput", object{"storageProfile.osDisk.name": "aver-manager-os"}},
		{"InvalidResourceReference", object{"networkProfile.networkInterfaces": []any{object{"id": nic.id + "x"}}}},
		{"NicInUse", object{"networkProfile.networkInterfaces": []any{object{"id": taken.id}}}},
		{"ResourceGroupNotFound", object{"resourceGroupName": "other", "location": "westeurope"}},
		{"InvalidResourceReference", object{"location": "northeurope"}},
		{notPlayed, object{"storageProfile.dataDisks": []any{object{"lun": 0.0, "createOption": "Empty"}}}},
		{notPlayed, object{"storageProfile.imageReference": object{"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}}},
		{notPlayed, object{"networkProfile.networkInterfaces": []any{object{"id": nic.id}, object{"id": taken.id}}}},
	} {
		s.refused(c.code, "VirtualMachine", "worker", with(good, c.changes))
	}
	s.create("VirtualMachine", "worker", good)
	if _, err := s.try("VirtualMachine", "again", with(good, object{"storageProfile.osDisk.name": nil})); err == nil || !strings.Contains(err.Error(), "cannot create already existing resource") {
		t.Errorf("a second VM of one name: %v", err)
	}
}

func TestMachineSizes(t *testing.T) {
	for _, size := range []string{"Standard_B2s", "Standard_B2ats_v2", "Standard_D2s_v5", "Standard_E4-2ds_v5", "Standard_NC24ads_A100_v4", "Standard_DS11-1_v2", "Standard_M208ms_v2", "Basic_A1", "Standard_D2ps_v6"} {
		if !machineSize.MatchString(size) {
			t.Errorf("%s is refused", size)
		}
	}
	for _, size := range []string{"", "B2s", "standard_b2s", "Standard_2s", "Standard_B2s_5"} {
		if machineSize.MatchString(size) {
			t.Errorf("%q is accepted", size)
		}
	}
}

func TestVirtualMachineChanges(t *testing.T) {
	s := newScene(t)
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	for path, v := range map[string]any{
		"osProfile.customData":          "I2Nsb3VkLWNvbmZpZwpvdGhlcjoK",
		"osProfile.adminUsername":       "other",
		"osProfile.computerName":        "other",
		"storageProfile.imageReference": object{"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2", "version": "latest"},
	} {
		msg := s.wantRefusal(vm.update(object{path: v}), "PropertyChangeNotAllowed", "aver-manager")
		if !strings.Contains(msg, path) {
			t.Errorf("%s does not name %s", msg, path)
		}
		if d := vm.diff(object{path: v}); d.DeleteBeforeReplace || d.Changes[0].Replace {
			t.Errorf("azure-native does not replace for %s by itself: %+v", path, d)
		}
	}
	s.wantRefusal(vm.update(object{"storageProfile.osDisk.diskSizeGB": 64.0}), "Conflict", "aver-manager")
	before := text(vm.state, "vmId")
	if err := vm.update(object{"hardwareProfile.vmSize": "Standard_B4ms", "tags": object{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if err := vm.update(object{"tags": object{"a": "c"}}); err != nil {
		t.Fatal(err)
	}
	if text(vm.state, "vmId") != before {
		t.Error("vmId changed with the size")
	}
	if !slices.Equal(s.fake.restarted, []string{before}) {
		t.Errorf("restarted are %q, want it once, for its size", s.fake.restarted)
	}
	if d := vm.diff(object{"vmName": "other"}); !d.Changes[0].Replace || !d.DeleteBeforeReplace {
		t.Errorf("another name: %+v", d)
	}
	if d := vm.diff(object{"location": "West Europe"}); len(d.Changes) != 0 {
		t.Errorf("the same location: %+v", d)
	}
}

// Accelerated networking is refused if the VM's size does not support it, whether the VM or
// the interface changes.
func TestAcceleratedNetworkingNeedsASizeThatHasIt(t *testing.T) {
	const code = "VMSizeIsNotPermittedToEnableAcceleratedNetworking"
	s := newScene(t)
	vm, nic, _ := s.node("aver-manager", "10.0.0.4") // a Standard_B2s
	on := object{"enableAcceleratedNetworking": true}
	s.wantRefusal(nic.update(on), code, "aver-manager-nic")
	if err := errors.Join(vm.update(object{"hardwareProfile.vmSize": "Standard_B2als_v2"}), nic.update(on)); err != nil {
		t.Fatal(err)
	}
	if on, _ := flag(nic.state, "enableAcceleratedNetworking"); !on {
		t.Errorf("the interface is not accelerated: %v", nic.state)
	}
	s.wantRefusal(vm.update(object{"hardwareProfile.vmSize": "Standard_B2s"}), code, "aver-manager")
	fast := s.create("NetworkInterface", "fast", with(s.nicArgs("fast", "10.0.0.5", nil), on))
	s.refused(code, "VirtualMachine", "worker", vmArgs("worker", fast))
	s.create("VirtualMachine", "worker", with(vmArgs("worker", fast), object{"hardwareProfile.vmSize": "Standard_D2s_v5"}))
	if err := nic.update(object{"enableAcceleratedNetworking": nil}); err != nil {
		t.Fatal(err)
	}
	if on, _ := flag(nic.state, "enableAcceleratedNetworking"); on {
		t.Errorf("the interface is accelerated still: %v", nic.state)
	}
}

func TestVirtualMachineGoneAndRebuilt(t *testing.T) {
	s := newScene(t)
	vm, nic, _ := s.node("aver-manager", "10.0.0.4")
	if vm.gone() {
		t.Fatal("a running VM reads as gone")
	}
	delete(s.fake.vms, text(vm.state, "vmId"))
	if !vm.gone() {
		t.Fatal("a vanished VM reads as there")
	}
	again := s.create("VirtualMachine", "aver-manager", vmArgs("aver-manager", nic))
	if text(again.state, "vmId") == text(vm.state, "vmId") {
		t.Error("a rebuilt VM has the old vmId")
	}
}

func TestFailedBootLeavesNothing(t *testing.T) {
	s := newScene(t)
	nic := s.create("NetworkInterface", "nic", s.nicArgs("nic", "10.0.0.4", nil))
	s.fake.bootError = errors.New("cloud-init: schema is wrong")
	s.refused("cloud-init: schema is wrong", "VirtualMachine", "aver-manager", vmArgs("aver-manager", nic))
	if len(s.fake.vms) != 0 {
		t.Error("half a VM is left")
	}
	s.fake.bootError = nil
	s.create("VirtualMachine", "aver-manager", vmArgs("aver-manager", nic))
}

func TestKilledEngineCanCreateAgain(t *testing.T) {
	s := newScene(t)
	vm, nic, _ := s.node("aver-manager", "10.0.0.4")
	s.create("VirtualMachine", "aver-manager", vmArgs("aver-manager", nic)) // the engine does not know the first one
	if len(s.fake.vms) != 1 {
		t.Errorf("%d VMs run", len(s.fake.vms))
	}
	typ := s.types[vm.token] // Check with old inputs shows that the engine now knows it
	if _, _, err := typ.Check(context.Background(), s.urn(vm.token, vm.name), toEngine(vm.inputs), toEngine(vm.inputs)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.try("VirtualMachine", "aver-manager", vmArgs("aver-manager", nic)); err == nil {
		t.Error("a known VM was created again")
	}
}

func TestOrphanedDisk(t *testing.T) {
	s := newScene(t)
	nic := s.create("NetworkInterface", "nic", s.nicArgs("nic", "10.0.0.4", nil))
	args := with(vmArgs("aver-manager", nic), object{"storageProfile.osDisk.deleteOption": nil})
	vm := s.create("VirtualMachine", "aver-manager", args)
	if err := vm.delete(); err != nil {
		t.Fatal(err)
	}
	s.refused("ConflictingUserInput", "VirtualMachine", "aver-manager", args)
	again := s.create("VirtualMachine", "aver-manager", with(args, object{"storageProfile.osDisk.name": nil}))
	named := text(again.state, "storageProfile.osDisk.name")
	if err := again.update(object{"tags": object{"a": "b"}}); err != nil || named == "" || text(again.state, "storageProfile.osDisk.name") != named {
		t.Errorf("disk %q became %v, %v", named, again.state, err)
	}
	if paths := again.refreshed(); len(paths) > 0 {
		t.Errorf("a name that Azure gave is drift: %q", paths)
	}
}
