package infra

import (
	"encoding/base64"
	"strconv"
	"strings"

	compute "github.com/pulumi/pulumi-azure-native-sdk/compute/v2/v20230301"
	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20190601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// node is one machine to be made.
type node struct {
	key     string // its part of the resources' names: manager, worker-1
	name    string // its name everywhere else
	role    host.Role
	address string
	size    string
}

// nodes are all machines, managers first.
func (b *builder) nodes() []node {
	var list []node
	for i, address := range b.args.managerAddresses() {
		key := "manager"
		if i > 0 {
			key += "-" + strconv.Itoa(i+1)
		}
		list = append(list, node{key, b.names.Manager(i + 1), host.Manager, address, b.args.ManagerSize})
	}
	for i, address := range b.args.workerAddresses() {
		list = append(list, node{"worker-" + strconv.Itoa(i+1), b.names.Worker(i + 1), host.Worker, address, b.args.WorkerSize})
	}
	return list
}

// newHosts makes every machine and describes how to log in to it.
func (b *builder) newHosts(subnet *network.Subnet, rules []pulumi.Resource, admin KeyPair) ([]host.Host, error) {
	var hosts []host.Host
	for _, n := range b.nodes() {
		made, err := b.newHost(n, subnet, admin)
		if err != nil {
			return nil, err
		}
		made.Needs = append(made.Needs, rules...)
		if n.role == host.Worker {
			jump := hosts[0]
			made.Jump = &jump
			made.Needs = append(made.Needs, jump.Needs...)
		}
		hosts = append(hosts, made)
	}
	return hosts, nil
}

// newHost makes one machine with all that is its own.
func (b *builder) newHost(n node, subnet *network.Subnet, admin KeyPair) (host.Host, error) {
	hostKey, err := b.newKey(n.key + "-host-key")
	if err != nil {
		return host.Host{}, err
	}
	address, nic, err := b.newInterface(n, subnet)
	if err != nil {
		return host.Host{}, err
	}
	vm, err := b.newMachine(n, nic, hostKey, admin)
	if err != nil {
		return host.Host{}, err
	}
	return host.Host{
		Name: n.name, Role: n.role, Address: n.address,
		PublicAddress: address.IpAddress.Elem(),
		HostKey:       hostKey.Public,
		User:          b.args.AdminUser,
		PrivateKey:    admin.Private,
		VMID:          vm.VmId,
		Machine:       vm,
		Needs:         []pulumi.Resource{vm, nic, address, subnet},
	}, nil
}

// fixedAtCreation is what Azure refuses to change on a machine, so a change must
// replace it. The provider knows this of few properties (#577, #1117). Not the
// whole osProfile: its patchSettings and allowExtensionOperations are changed on
// running machines, by Azure Update Manager too, and must not rebuild them.
var fixedAtCreation = []string{
	"osProfile.computerName", "osProfile.adminUsername", "osProfile.customData",
	"osProfile.linuxConfiguration.ssh", "osProfile.linuxConfiguration.disablePasswordAuthentication",
	"networkProfile", "storageProfile.imageReference", "securityProfile.securityType",
}

// newMachine makes the VM. It is deleted before it is replaced: its name and
// its network interface can belong to one machine only.
func (b *builder) newMachine(n node, nic *network.NetworkInterface, hostKey, admin KeyPair) (*compute.VirtualMachine, error) {
	return compute.NewVirtualMachine(b.ctx, b.child(n.key), &compute.VirtualMachineArgs{
		ResourceGroupName: b.group.Name,
		Location:          b.location(),
		VmName:            pulumi.String(n.name),
		HardwareProfile:   compute.HardwareProfileArgs{VmSize: pulumi.String(n.size)},
		StorageProfile:    b.storageProfile(n),
		OsProfile:         b.osProfile(n, hostKey, admin),
		// Trusted Launch: measured boot with a virtual TPM. Debian's generation 2
		// images are published for it.
		SecurityProfile: compute.SecurityProfileArgs{
			SecurityType: pulumi.String("TrustedLaunch"),
			UefiSettings: compute.UefiSettingsArgs{SecureBootEnabled: pulumi.Bool(true), VTpmEnabled: pulumi.Bool(true)},
		},
		NetworkProfile: compute.NetworkProfileArgs{
			NetworkInterfaces: compute.NetworkInterfaceReferenceArray{
				compute.NetworkInterfaceReferenceArgs{Id: nic.ID(), Primary: pulumi.Bool(true)},
			},
		},
		// The serial console's log is the only witness of a boot that fails.
		DiagnosticsProfile: compute.DiagnosticsProfileArgs{
			BootDiagnostics: compute.BootDiagnosticsArgs{Enabled: pulumi.Bool(true)},
		},
		Tags: b.tags(),
	}, b.parent(), pulumi.DeleteBeforeReplace(true), pulumi.ReplaceOnChanges(fixedAtCreation))
}

// storageProfile is a managed disk that goes when its machine goes.
func (b *builder) storageProfile(n node) compute.StorageProfileArgs {
	image := strings.SplitN(b.args.VMImage, ":", 4)
	return compute.StorageProfileArgs{
		ImageReference: compute.ImageReferenceArgs{
			Publisher: pulumi.String(image[0]), Offer: pulumi.String(image[1]),
			Sku: pulumi.String(image[2]), Version: pulumi.String(image[3]),
		},
		OsDisk: compute.OSDiskArgs{
			Name:         pulumi.String(b.names.Disk(n.name)),
			CreateOption: pulumi.String("FromImage"),
			DeleteOption: pulumi.String("Delete"),
			Caching:      compute.CachingTypesReadWrite,
			DiskSizeGB:   pulumi.Int(b.args.DiskGB),
			ManagedDisk:  compute.ManagedDiskParametersArgs{StorageAccountType: pulumi.String("StandardSSD_LRS")},
		},
	}
}

// osProfile is who may log in, and the first boot. The custom data carries the
// host's private key: it is a secret in the state.
func (b *builder) osProfile(n node, hostKey, admin KeyPair) compute.OSProfileArgs {
	boot := pulumi.All(hostKey.Private, hostKey.Public).ApplyT(func(keys []any) (string, error) {
		text, err := cloudInit(bootData{Hostname: n.name, HostKeyPrivate: keys[0].(string), HostKeyPublic: keys[1].(string)})
		return base64.StdEncoding.EncodeToString([]byte(text)), err
	}).(pulumi.StringOutput)
	return compute.OSProfileArgs{
		ComputerName:  pulumi.String(n.name),
		AdminUsername: pulumi.String(b.args.AdminUser),
		CustomData:    pulumi.ToSecret(boot).(pulumi.StringOutput),
		LinuxConfiguration: compute.LinuxConfigurationArgs{
			DisablePasswordAuthentication: pulumi.Bool(true),
			ProvisionVMAgent:              pulumi.Bool(true),
			Ssh: compute.SshConfigurationArgs{PublicKeys: compute.SshPublicKeyTypeArray{compute.SshPublicKeyTypeArgs{
				Path:    pulumi.Sprintf("/home/%s/.ssh/authorized_keys", b.args.AdminUser),
				KeyData: admin.Public,
			}}},
		},
	}
}
