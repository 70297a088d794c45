package azure

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
)

// machineSize is the form of a size: Standard_B2s, Standard_E4-2ds_v5,
// Standard_NC24ads_A100_v4.
// https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
var machineSize = regexp.MustCompile(`^(Standard|Basic)_[A-Z]{1,3}\d+(-\d+)?[a-z]*(_[A-Z]+\d+[A-Za-z0-9]*)?(_v\d+)?(_Promo)?$`)

func judgeMachine(op *operation) error {
	if size := text(op.inputs, "hardwareProfile.vmSize"); !machineSize.MatchString(size) {
		return op.refuse("InvalidParameter", "the value '%s' provided for the VM size (hardwareProfile.vmSize) is not valid; a size looks like Standard_B2s", size)
	}
	nic, err := op.judgeAttachedInterface()
	if err != nil {
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

// judgeAttachedInterface checks the VM's one network interface and returns its id.
func (op *operation) judgeAttachedInterface() (nic string, err error) {
	nics := items(op.inputs, "networkProfile.networkInterfaces")
	if len(nics) == 0 {
		return "", op.refuse("InvalidParameter", "required parameter 'networkProfile' is missing: the VM has no network interface")
	}
	if len(nics) > 1 {
		return "", op.refuse(notPlayed, "the sandbox supports VMs of one network interface, this one has %d", len(nics))
	}
	nic = text(nics[0], "id")
	if err := op.refers("networkProfile.networkInterfaces[0].id", nic); err != nil {
		return "", err
	}
	if user := op.interfaceUser(nic, op.id); user != "" {
		return "", op.refuse("NicInUse", "network interface %s is used by existing resource %s; a network interface cannot be on two VMs", nic, user)
	}
	on, _ := flag(op.record.get(nic).State, "enableAcceleratedNetworking")
	return nic, op.judgeAcceleration(on, op.id, text(op.inputs, "hardwareProfile.vmSize"))
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
	return op.judgeLogin(user)
}

// judgeLogin requires a way to log in: a password, or keys where the image reads them.
func (op *operation) judgeLogin(user string) error {
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
