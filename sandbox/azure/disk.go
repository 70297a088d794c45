package azure

import (
	"context"
	"slices"
	"strings"

	"averazure/sandbox/hosts"
)

// diskKinds is the managed disk, used as a data disk.
var diskKinds = []*kind{{
	tokens:   []string{"azure-native:compute/v20230402:Disk"},
	azure:    "Microsoft.Compute/disks",
	path:     "/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/disks/{diskName}",
	auto:     autoRandom,
	rule:     diskName,
	located:  true,
	required: []string{"creationData", "location"},
	frozen:   []string{"zones", "creationData"},
	computed: []string{"provisioningState", "timeCreated", "uniqueId", "diskState", "diskSizeBytes", "managedBy", "sku.tier", "encryption"},
	judge:    judgeDataDisk,
	complete: completeDataDisk,
	create:   sizeDisk,
	change:   sizeDisk,
	remove: func(ctx context.Context, c *Cloud, e *entry) error {
		return c.hosts.RemoveDisk(ctx, text(e.State, "uniqueId"))
	},
	// kubernetes-sigs/azuredisk-csi-driver quotes this message.
	keep: func(op *operation) error {
		if vm := op.record.diskUser(op.id, ""); vm != nil {
			return op.refuse("OperationNotAllowed", "disk %s is attached to VM %s", op.name, vm.ID)
		}
		return nil
	},
}}

// diskTypes can be attached to any VM in the zone.
var diskTypes = []string{"Standard_LRS", "StandardSSD_LRS", "Premium_LRS"}

// An attached disk does not grow beyond this size.
// https://learn.microsoft.com/azure/virtual-machines/linux/expand-disks
const onlineGB = 4095

func judgeDataDisk(op *operation) error {
	if option := text(op.inputs, "creationData.createOption"); option != "Empty" {
		return op.refuse(notPlayed, "the sandbox supports disks with createOption Empty only, not %s", option)
	}
	if sku := text(op.inputs, "sku.name"); sku != "" && !slices.Contains(diskTypes, sku) {
		return op.refuse(notPlayed, "the sandbox supports disks of the types %s only, not %s", strings.Join(diskTypes, ", "), sku)
	}
	size := number(op.inputs, "diskSizeGB")
	if size < 1 || size > 32767 {
		return op.refuse("InvalidParameter", "the value '%d' of parameter 'disk.diskSizeGB' is out of range; it must be between 1 and 32767", size)
	}
	if op.old == nil {
		return op.judgeZone(texts(op.inputs, "zones"))
	}
	before := number(op.old.State, "diskSizeGB")
	user := op.record.diskUser(op.id, "")
	switch {
	case size < before:
		return op.refuse("OperationNotAllowed", "disk %s cannot shrink from %d to %d GiB: the new size must be larger than the existing one", op.name, before, size)
	case user != nil && text(op.old.State, "sku.name") != text(op.inputs, "sku.name"):
		return op.refuse("OperationNotAllowed", "cannot change the account type of disk %s while it is attached to running VM %s; deallocate the VM first", op.name, user.ID)
	case user != nil && before <= onlineGB && size > onlineGB:
		return op.refuse("OperationNotAllowed", "cannot resize disk %s beyond %d GiB while it is attached to running VM %s; "+
			"resizing a disk of an Azure Virtual Machine requires the virtual machine to be deallocated", op.name, onlineGB, user.ID)
	}
	return nil
}

// completeDataDisk adds the service's outputs to a disk.
func completeDataDisk(op *operation) {
	op.state["provisioningState"] = "Succeeded"
	op.keep("timeCreated", always(timestamp()))
	op.keep("uniqueId", freshUUID)
	op.keep("diskState", always("Unattached"))
	fallback(op.state, "sku.name", "Standard_LRS")
	tier, _, _ := strings.Cut(text(op.state, "sku.name"), "_")
	put(op.state, "sku.tier", strings.TrimSuffix(tier, "SSD"))
	op.state["diskSizeBytes"] = float64(number(op.inputs, "diskSizeGB")) * (1 << 30)
	op.state["encryption"] = object{"type": "EncryptionAtRestWithPlatformKey"}
	if op.old != nil && at(op.old.State, "managedBy") != nil {
		op.state["managedBy"] = op.old.State["managedBy"]
	}
}

// sizeDisk creates the disk or grows it, also while it is attached.
func sizeDisk(ctx context.Context, op *operation) error {
	if err := op.hosts.SizeDisk(ctx, text(op.state, "uniqueId"), number(op.inputs, "diskSizeGB")); err != nil {
		return err
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if vm := op.record.diskUser(op.id, ""); vm != nil {
		for _, disk := range items(vm.State, dataDisks) {
			if strings.EqualFold(text(disk, "managedDisk.id"), op.id) {
				disk["diskSizeGB"] = op.inputs["diskSizeGB"]
			}
		}
	}
	return nil
}

const dataDisks = "storageProfile.dataDisks"

// diskUser is the VM that a disk is attached to, or nil. It ignores the VM whose id is
// except.
func (r *record) diskUser(disk, except string) *entry {
	for _, vm := range r.of("VirtualMachine") {
		if strings.EqualFold(vm.ID, except) {
			continue
		}
		for _, d := range items(vm.State, dataDisks) {
			if strings.EqualFold(text(d, "managedDisk.id"), disk) {
				return vm
			}
		}
	}
	return nil
}

// judgeAttached refuses data disks that the VM cannot have.
func (op *operation) judgeAttached() error {
	taken := map[int]bool{}
	for _, d := range items(op.inputs, dataDisks) {
		id, lun := text(d, "managedDisk.id"), number(d, "lun")
		if option := text(d, "createOption"); option != "Attach" {
			return op.refuse(notPlayed, "the sandbox supports data disks with createOption Attach only, not %s", option)
		}
		if text(d, "deleteOption") == "Delete" {
			return op.refuse(notPlayed, "the sandbox does not delete data disks with their VM")
		}
		if lun < 0 || lun > 63 || taken[lun] {
			return op.refuse("InvalidParameter", "a disk at LUN %d already exists, or LUN %[1]d is out of range; each data disk has its own LUN from 0 to 63", lun)
		}
		taken[lun] = true
		if id == "" {
			return op.refuse("InvalidParameter", "required parameter 'dataDisk.managedDisk.id' is missing (null)")
		}
		if err := op.refers(dataDisks+".managedDisk.id", id); err != nil {
			return err
		}
		// terraform-provider-azurerm #11992 and jenkins-infra/azure #1406 quote these
		// messages.
		if user := op.record.diskUser(id, op.id); user != nil {
			return op.refuse("ConflictingUserInput", "disk '%s' cannot be attached as the disk is already owned by VM '%s'", last(id), user.name())
		}
		if err := op.judgeSameZone(id); err != nil {
			return err
		}
		if size, has := at(d, "diskSizeGB").(float64); has && int(size) != number(op.record.get(id).State, "diskSizeGB") {
			return op.refuse("PropertyChangeNotAllowed", "changing property 'dataDisk.diskSizeGB' is not allowed: it is %v, and the disk has %d; resize the disk itself",
				size, number(op.record.get(id).State, "diskSizeGB"))
		}
	}
	return nil
}

func (op *operation) judgeSameZone(disk string) error {
	own, its := strings.Join(texts(op.inputs, "zones"), ""), strings.Join(texts(op.record.get(disk).State, "zones"), "")
	switch {
	case own == its:
		return nil
	case its == "":
		return op.refuse("BadRequest", "disk %s cannot be attached to the VM because it is not in zone '%s'", disk, own)
	case own == "":
		return op.refuse("BadRequest", "disk %s cannot be attached to the VM because it is in zone '%s', and the VM is in none", disk, its)
	}
	return op.refuse("BadRequest", "disk %s cannot be attached to the VM because it is not in the same zone as the VM. VM zone: '%s'. Disk zone: '%s'.", disk, own, its)
}

// completeAttached adds the service's outputs to attached disks.
func (op *operation) completeAttached() {
	fallback(op.state, dataDisks, []any{})
	for _, d := range items(op.state, dataDisks) {
		disk := op.record.get(text(d, "managedDisk.id"))
		fallback(d, "name", disk.name())
		fallback(d, "caching", "None")
		fallback(d, "deleteOption", "Detach")
		fallback(d, "toBeDetached", false)
		fallback(d, "diskSizeGB", disk.State["diskSizeGB"])
		put(d, "managedDisk.storageAccountType", text(disk.State, "sku.name"))
	}
}

// disks are a VM's disks, for [Hosts].
func (op *operation) disks() []hosts.Disk {
	var list []hosts.Disk
	for _, d := range items(op.inputs, dataDisks) {
		list = append(list, hosts.Disk{ID: text(op.record.get(text(d, "managedDisk.id")).State, "uniqueId"), LUN: number(d, "lun")})
	}
	return list
}

// attachDisks changes the data disks of a running VM.
func attachDisks(ctx context.Context, op *operation) error {
	op.mu.Lock()
	disks := op.disks()
	op.mu.Unlock()
	return op.hosts.Attach(ctx, text(op.state, "vmId"), disks)
}

// holdDisks records on every data disk which VM has it.
func holdDisks(r *record, _ *entry) {
	for _, disk := range r.of("Disk") {
		if disk.Token == diskToken {
			continue // a disk that was created with its VM
		}
		delete(disk.State, "managedBy")
		disk.State["diskState"] = "Unattached"
		if vm := r.diskUser(disk.ID, ""); vm != nil {
			disk.State["managedBy"], disk.State["diskState"] = vm.ID, "Attached"
		}
	}
}
