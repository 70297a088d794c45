package infra

import (
	"encoding/base64"
	"maps"
	"strings"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/failure"
)

// vmType is registered without the SDK's compute package, which would be the
// most expensive one to compile, for this one type of it (docs/decisions/0002).
// `make check-azure` holds every property against the published types.
const vmType = "azure-native:compute/v20230301:VirtualMachine"

// virtualMachine is a VM with the outputs that are needed.
type virtualMachine struct {
	pulumi.CustomResourceState
	VMID     pulumi.StringOutput `pulumi:"vmId"`
	Identity pulumi.MapOutput    `pulumi:"identity"`
}

// fixedAtCreation are the properties that Azure refuses to change on a VM, so a change must
// replace the VM. The provider knows this of few properties (#577, #1117). The list does
// not have the whole osProfile: its patchSettings and allowExtensionOperations are changed
// on running VMs, by Azure Update Manager too, and must not rebuild them. Azure changes a
// disk's size only while the VM is deallocated, and the provider does not deallocate it.
var fixedAtCreation = []string{
	"osProfile.computerName", "osProfile.adminUsername", "osProfile.customData",
	"osProfile.linuxConfiguration.ssh", "osProfile.linuxConfiguration.disablePasswordAuthentication",
	"zones", "networkProfile", "storageProfile.imageReference", "storageProfile.osDisk.diskSizeGB", "securityProfile.securityType",
}

// newVM makes the VM, in its turn. It is deleted before it is replaced: its name and its
// network interface can belong to one VM only.
func (b *builder) newVM(n node, nic *network.NetworkInterface, disk *pulumi.CustomResourceState, hostKey, admin KeyPair) (*virtualMachine, error) {
	vm := &virtualMachine{}
	inputs := pulumi.Map{
		"resourceGroupName": b.group.Name,
		"location":          b.location(),
		"vmName":            pulumi.String(n.name),
		"hardwareProfile":   pulumi.Map{"vmSize": b.args.Turns.Await(n.name, n.size)},
		"storageProfile":    b.storageProfile(disk),
		"osProfile":         b.osProfile(n, hostKey, admin),
		// Trusted Launch: measured boot with a virtual TPM. Debian's generation 2
		// images are published for it.
		"securityProfile": pulumi.Map{
			"securityType": pulumi.String("TrustedLaunch"),
			"uefiSettings": pulumi.Map{"secureBootEnabled": pulumi.Bool(true), "vTpmEnabled": pulumi.Bool(true)},
		},
		"networkProfile": pulumi.Map{
			"networkInterfaces": pulumi.Array{pulumi.Map{"id": nic.ID(), "primary": pulumi.Bool(true)}},
		},
		// The serial console's log is the only witness of a boot that fails.
		"diagnosticsProfile": pulumi.Map{"bootDiagnostics": pulumi.Map{"enabled": pulumi.Bool(true)}},
		"tags":               b.marked(n),
	}
	if n.zone != "" {
		inputs["zones"] = pulumi.ToStringArray([]string{n.zone})
	}
	if b.backsUp(n) {
		inputs["identity"] = pulumi.StringMap{"type": pulumi.String("SystemAssigned")}
	}
	options := []pulumi.ResourceOption{b.parent(), b.leaving, pulumi.Version(sdkVersion), pulumi.DeleteBeforeReplace(true), pulumi.ReplaceOnChanges(fixedAtCreation)}
	if b.args.Turns.Held(n.name) {
		// The VM must not be replaced in this run: nothing would remove the node from the
		// Swarm before its VM is deleted. A manager's entry would stay, and count against
		// the quorum.
		options = append(options, pulumi.IgnoreChanges(append([]string{"hardwareProfile"}, fixedAtCreation...)))
	}
	return vm, b.ctx.RegisterResource(vmType, b.child(n.key), inputs, vm, options...)
}

// newLeaving is the hook that the engine calls before it changes a VM, since Azure restarts
// a VM for another size. (Before the engine deletes a VM, it deletes the node's place in
// the Swarm. A hook on the deletion would have to be there in `pulumi destroy`, which does
// not run the program.)
func (b *builder) newLeaving() (pulumi.ResourceOption, error) {
	return failure.BeforeUpdate(b.ctx, b.child("leave-before-restart"), func(args *pulumi.ResourceHookArgs) error {
		if b.args.Leave == nil || sizeIn(args.OldInputs) == sizeIn(args.NewInputs) {
			return nil
		}
		return b.args.Leave(b.ctx.Context(), args.Name)
	})
}

// sizeIn is the size in a VM's inputs; empty where they name none.
func sizeIn(inputs resource.PropertyMap) string {
	if profile := inputs["hardwareProfile"]; profile.IsObject() && profile.ObjectValue()["vmSize"].IsString() {
		return profile.ObjectValue()["vmSize"].StringValue()
	}
	return ""
}

// marked are a VM's tags, with the mark of drift. A node that is down may have lost its VM,
// which only a refresh would notice. A changed tag causes an update, and an update of a VM
// that no longer exists makes it again.
func (b *builder) marked(n node) pulumi.StringMapOutput {
	return pulumi.All(b.tags(), b.args.Drift.Of(n.name)).ApplyT(func(known []any) map[string]string {
		tags := maps.Clone(known[0].(map[string]string))
		if mark := known[1].(string); mark != "" {
			tags[drift.Tag] = mark
		}
		return tags
	}).(pulumi.StringMapOutput)
}

// storageProfile is the system disk, which is deleted with the VM, and the data disk, which
// stays. Azure names the system disk: a VM that somebody removed by hand may have left its
// disk behind, and the next VM could not take that name.
func (b *builder) storageProfile(disk *pulumi.CustomResourceState) pulumi.Map {
	image := strings.SplitN(b.args.VMImage, ":", 4)
	profile := pulumi.Map{
		"imageReference": pulumi.StringMap{
			"publisher": pulumi.String(image[0]), "offer": pulumi.String(image[1]),
			"sku": pulumi.String(image[2]), "version": pulumi.String(image[3]),
		},
		"osDisk": pulumi.Map{
			"createOption": pulumi.String("FromImage"),
			"deleteOption": pulumi.String("Delete"),
			"caching":      pulumi.String("ReadWrite"),
			"diskSizeGB":   pulumi.Int(b.args.DiskGB),
			"managedDisk":  pulumi.Map{"storageAccountType": pulumi.String("StandardSSD_LRS")},
		},
	}
	if disk != nil {
		profile["dataDisks"] = attached(disk)
	}
	return profile
}

// osProfile defines who may log in, and the first boot. The custom data contains the host's
// private key, so it is a secret in the state.
func (b *builder) osProfile(n node, hostKey, admin KeyPair) pulumi.Map {
	boot := pulumi.All(hostKey.Private, hostKey.Public).ApplyT(func(keys []any) (string, error) {
		text, err := cloudInit(bootData{Hostname: n.name, HostKeyPrivate: keys[0].(string), HostKeyPublic: keys[1].(string)})
		return base64.StdEncoding.EncodeToString([]byte(text)), err
	}).(pulumi.StringOutput)
	login := pulumi.Map{
		"path":    pulumi.Sprintf("/home/%s/.ssh/authorized_keys", b.args.AdminUser),
		"keyData": admin.Public,
	}
	return pulumi.Map{
		"computerName":  pulumi.String(n.name),
		"adminUsername": pulumi.String(b.args.AdminUser),
		"customData":    pulumi.ToSecret(boot).(pulumi.StringOutput),
		"linuxConfiguration": pulumi.Map{
			"disablePasswordAuthentication": pulumi.Bool(true),
			"provisionVMAgent":              pulumi.Bool(true),
			"ssh":                           pulumi.Map{"publicKeys": pulumi.Array{login}},
		},
	}
}
