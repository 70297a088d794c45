package azure

import (
	"context"
	"encoding/base64"
	"strings"

	"averazure/sandbox/hosts"
)

// vmKinds is the virtual machine. It is real: a host that boots from its customData.
var vmKinds = []*kind{{
	tokens:   []string{"azure-native:compute/v20230301:VirtualMachine"},
	azure:    "Microsoft.Compute/virtualMachines",
	path:     "/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachines/{vmName}",
	auto:     autoRandom,
	rule:     vmName,
	located:  true,
	required: []string{"location"},
	// A change of these does not make azure-native replace the VM (its replacement.go does
	// not list VirtualMachine). It sends the update, and the service refuses it. Azure SDK
	// for Java #1912 and azure-powershell #7621 quote the message.
	frozen: []string{"osProfile.customData", "osProfile.adminUsername", "osProfile.adminPassword", "osProfile.computerName",
		"osProfile.linuxConfiguration.ssh", "osProfile.linuxConfiguration.disablePasswordAuthentication",
		"storageProfile.imageReference", "storageProfile.osDisk.createOption", "storageProfile.osDisk.name", "zones", "plan"},
	adopts: []string{"storageProfile.dataDisks[*].diskSizeGB"},
	hidden: []string{"osProfile.customData", "osProfile.adminPassword", "userData"},
	computed: []string{"provisioningState", "vmId", "timeCreated", "instanceView", "resources", "identity.principalId", "identity.tenantId",
		"storageProfile.osDisk.name", "storageProfile.osDisk.managedDisk.id", "storageProfile.imageReference.exactVersion"},
	filters:  true,
	judge:    judgeMachine,
	complete: completeMachine,
	create:   bootMachine,
	change:   changeMachine,
	remove:   removeMachine,
	touches: func(r *record, vm *entry) {
		holdInterface(r, vm)
		holdDisks(r, vm)
	},
	gone: func(ctx context.Context, c *Cloud, e *entry) (bool, error) {
		running, err := c.hosts.Running(ctx, text(e.State, "vmId"))
		return !running, err
	},
}}

// completeMachine adds the service's outputs to a VM and records its disk.
func completeMachine(op *operation) {
	op.completeIdentity()
	op.state["provisioningState"] = "Succeeded"
	op.keep("vmId", freshUUID)
	op.keep("timeCreated", always(timestamp()))
	disk := op.name + "_OsDisk_1_" + randomHex(16)
	if given := text(op.inputs, "storageProfile.osDisk.name"); given != "" {
		disk = given
	}
	op.keep("storageProfile.osDisk.name", always(disk))
	id, _, _ := strings.Cut(op.id, "/virtualMachines/")
	id += "/disks/" + text(op.state, "storageProfile.osDisk.name")
	put(op.state, "storageProfile.osDisk.managedDisk.id", id)
	fallback(op.state, "storageProfile.osDisk.osType", "Linux")
	fallback(op.state, "storageProfile.osDisk.deleteOption", "Detach")
	op.completeAttached()
	fallback(op.state, "osProfile.allowExtensionOperations", true)
	fallback(op.state, "osProfile.secrets", []any{})
	if at(op.inputs, "storageProfile.imageReference") != nil {
		op.keep("storageProfile.imageReference.exactVersion", always(text(op.inputs, "storageProfile.imageReference.version")))
	}
	op.record.put(&entry{ID: id, Token: diskToken, Inputs: object{}, State: object{"managedBy": op.id}})
}

// diskToken marks disks that were created with a VM.
const diskToken = "azure-native:compute/v20230301:Disk"

// bootMachine boots the VM and waits until it is up. Its security rules apply from the
// first packet.
func bootMachine(ctx context.Context, op *operation) error {
	vm, err := op.definition()
	if err != nil {
		return err
	}
	op.mu.Lock()
	e := op.record.get(op.id)
	rules := op.record.standing(e)
	op.mu.Unlock()
	if err := op.hosts.Filter(ctx, vm.ID, rules.rules); err != nil {
		return err
	}
	if err := identify(ctx, op); err != nil {
		return err
	}
	op.mu.Lock()
	e.Filter, e.Uplink = rules.mark, op.record.connection(e).mark
	op.mu.Unlock()
	if err := op.reconnect(ctx); err != nil {
		return err
	}
	return op.hosts.Boot(ctx, vm)
}

// changeMachine changes the identity or the data disks of a running VM. For another size it
// restarts the VM.
// https://learn.microsoft.com/azure/virtual-machines/sizes/resize-vm
func changeMachine(ctx context.Context, op *operation) error {
	if err := identify(ctx, op); err != nil {
		return err
	}
	if err := attachDisks(ctx, op); err != nil {
		return err
	}
	const size = "hardwareProfile.vmSize"
	if text(op.old.Inputs, size) == text(op.inputs, size) {
		return nil
	}
	return op.hosts.Restart(ctx, text(op.state, "vmId"))
}

// definition collects the VM's definition from its properties and its references.
func (op *operation) definition() (hosts.VM, error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	vm := op.record.connection(op.record.get(op.id)).vm
	vm.ComputerName, vm.AdminUser = text(op.inputs, "osProfile.computerName"), text(op.inputs, "osProfile.adminUsername")
	nic := op.record.get(text(op.inputs, "networkProfile.networkInterfaces.0.id"))
	config := items(nic.State, "ipConfigurations")[0]
	network, _, _ := strings.Cut(text(config, "subnet.id"), "/subnets/")
	vm.NetworkID = op.record.get(network).ID // as in CreateNetwork
	for _, key := range items(op.inputs, "osProfile.linuxConfiguration.ssh.publicKeys") {
		vm.AuthorizedKeys = append(vm.AuthorizedKeys, strings.TrimSpace(text(key, "keyData")))
	}
	vm.Disks = op.disks()
	var err error
	vm.CustomData, err = base64.StdEncoding.DecodeString(text(op.inputs, "osProfile.customData"))
	return vm, err
}

// removeMachine removes the VM. It removes the disk only if the program says so; by
// default the disk stays (deleteOption).
// https://learn.microsoft.com/azure/virtual-machines/delete
func removeMachine(ctx context.Context, c *Cloud, e *entry) error {
	if err := c.hosts.Remove(ctx, text(e.State, "vmId")); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if disk := c.record.get(text(e.State, "storageProfile.osDisk.managedDisk.id")); disk != nil {
		disk.State = object{}
		if e.Pending || text(e.State, "storageProfile.osDisk.deleteOption") == "Delete" {
			c.record.drop(disk.ID)
		}
	}
	return nil
}
