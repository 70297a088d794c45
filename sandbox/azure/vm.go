package azure

import (
	"context"
	"encoding/base64"
	"regexp"
	"slices"
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
	// azure-native replaces none of these (its replacement.go has no VirtualMachine): it
	// sends the update, and the service refuses it. Azure SDK for Java #1912 and
	// azure-powershell #7621 quote the message.
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

// changeMachine changes the identity or the data disks of a running VM, which restarts for
// another size.
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

// machineSize is the form of a size: Standard_B2s, Standard_E4-2ds_v5,
// Standard_NC24ads_A100_v4.
// https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
var machineSize = regexp.MustCompile(`^(Standard|Basic)_[A-Z]{1,3}\d+(-\d+)?[a-z]*(_[A-Z]+\d+[A-Za-z0-9]*)?(_v\d+)?(_Promo)?$`)

func judgeMachine(op *operation) error {
	if size := text(op.inputs, "hardwareProfile.vmSize"); !machineSize.MatchString(size) {
		return op.refuse("InvalidParameter", "the value '%s' provided for the VM size (hardwareProfile.vmSize) is not valid; a size looks like Standard_B2s", size)
	}
	nics := items(op.inputs, "networkProfile.networkInterfaces")
	if len(nics) == 0 {
		return op.refuse("InvalidParameter", "required parameter 'networkProfile' is missing: the VM has no network interface")
	}
	if len(nics) > 1 {
		return op.refuse(notPlayed, "the sandbox supports VMs of one network interface, this one has %d", len(nics))
	}
	nic := text(nics[0], "id")
	if err := op.refers("networkProfile.networkInterfaces[0].id", nic); err != nil {
		return err
	}
	if user := op.interfaceUser(nic, op.id); user != "" {
		return op.refuse("NicInUse", "network interface %s is used by existing resource %s; a network interface cannot be on two VMs", nic, user)
	}
	on, _ := flag(op.record.get(nic).State, "enableAcceleratedNetworking")
	if err := op.judgeAcceleration(on, op.id, text(op.inputs, "hardwareProfile.vmSize")); err != nil {
		return err
	}
	if err := op.judgeAttached(); err != nil {
		return err
	}
	if op.old != nil {
		if !strings.EqualFold(text(op.old.State, "networkProfile.networkInterfaces.0.id"), nic) {
			return op.refuse("AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported", "the network interfaces of a running VM cannot change")
		}
		return op.judgeResize()
	}
	for _, judge := range []func() error{op.judgeZones, op.judgeDisk} {
		if err := judge(); err != nil {
			return err
		}
	}
	return op.judgeProfile()
}

// judgeResize refuses another size of the disk: the sandbox never deallocates a VM.
// terraform-provider-azurerm quotes the message (linux_virtual_machine_resource.go).
func (op *operation) judgeResize() error {
	const size = "storageProfile.osDisk.diskSizeGB"
	if after := at(op.inputs, size); after != nil && !same(at(op.old.Inputs, size), after) {
		return op.refuse("Conflict", "disk resizing is allowed only when creating a VM or when the VM is deallocated (disk.diskSizeGB)")
	}
	return nil
}

func (op *operation) judgeDisk() error {
	image := at(op.inputs, "storageProfile.imageReference")
	if text(op.inputs, "storageProfile.osDisk.createOption") == "FromImage" || image != nil {
		for _, part := range []string{"publisher", "offer", "sku", "version"} {
			if text(op.inputs, "storageProfile.imageReference.id") == "" && text(op.inputs, "storageProfile.imageReference."+part) == "" {
				return op.refuse("InvalidParameter", "required parameter 'imageReference.%s' is missing (null)", part)
			}
		}
	}
	if offer := text(op.inputs, "storageProfile.imageReference.offer"); image != nil && !strings.HasPrefix(offer, "debian-13") {
		return op.refuse(notPlayed, "the sandbox boots Debian 13 only, not the image %v", image)
	}
	name := text(op.inputs, "storageProfile.osDisk.name")
	group, _, _ := strings.Cut(op.id, "/virtualMachines/")
	if name != "" && op.record.get(group+"/disks/"+name) != nil {
		return op.refuse("ConflictingUserInput", "disk %s already exists in the resource group, only CreateOption.Attach is supported; "+
			"a VM deletes its disk when osDisk.deleteOption is Delete", name)
	}
	return nil
}

// forbiddenUsers are names that Azure refuses for the administrator.
// https://learn.microsoft.com/azure/virtual-machines/linux/faq#what-are-the-username-requirements-when-creating-a-vm-
var forbiddenUsers = []string{"1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet",
	"backup", "console", "david", "guest", "john", "owner", "root", "server", "sql", "support_388945a0", "support",
	"sys", "test", "test1", "test2", "test3", "user", "user1", "user2", "user3", "user4", "user5", "video"}

// judgeProfile checks the part that defines the host itself.
func (op *operation) judgeProfile() error {
	user, computer := text(op.inputs, "osProfile.adminUsername"), text(op.inputs, "osProfile.computerName")
	switch {
	case user == "":
		return op.refuse("InvalidParameter", "required parameter 'adminUsername' is missing (null)")
	case slices.Contains(forbiddenUsers, strings.ToLower(user)) || len(user) > 64:
		return op.refuse("InvalidParameter", "the Admin Username specified, '%s', is not allowed", user)
	case len(computer) > 64 || computer != "" && !hostName.MatchString(computer):
		return op.refuse("InvalidParameter", "Linux host name '%s' cannot exceed 64 characters in length, contain special characters, or end with a hyphen", computer)
	}
	data := text(op.inputs, "osProfile.customData")
	if _, err := base64.StdEncoding.DecodeString(data); err != nil || len(data) > 87380 {
		return op.refuse("InvalidParameter", "custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters (it has %d)", len(data))
	}
	keys := items(op.inputs, "osProfile.linuxConfiguration.ssh.publicKeys")
	disabled, _ := flag(op.inputs, "osProfile.linuxConfiguration.disablePasswordAuthentication")
	if len(keys) == 0 && (disabled || text(op.inputs, "osProfile.adminPassword") == "") {
		return op.refuse("InvalidParameter", "authentication using either SSH or by user name and password must be enabled in the Linux profile")
	}
	for _, key := range keys {
		if path := text(key, "path"); path != "/home/"+user+"/.ssh/authorized_keys" {
			return op.refuse("InvalidParameter", "destination path for SSH public keys is limited to its default value /home/%s/.ssh/authorized_keys, not '%s'", user, path)
		}
		if !publicKey.MatchString(strings.TrimSpace(text(key, "keyData"))) {
			return op.refuse("InvalidParameter", "the value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid: RSA and Ed25519 keys in OpenSSH format are supported")
		}
	}
	return nil
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	// https://learn.microsoft.com/azure/virtual-machines/linux/ssh-from-windows names RSA
	// and, since 2024, Ed25519.
	publicKey = regexp.MustCompile(`^ssh-(rsa|ed25519) [A-Za-z0-9+/]+=*( .*)?$`)
)
