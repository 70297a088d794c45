package infra

// Config is what a Pulumi stack may configure of its infrastructure. A field's key in the
// configuration is its name in lower camel case: SSHCidrs is averazure:sshCidrs.
type Config struct {
	// Location is the Azure region of everything, such as westeurope. Required.
	Location string
	// Prefix begins every name: 2 to 10 lower-case letters and digits.
	Prefix string
	// NameSalt changes the generated part of the names that are unique in the world
	// (storage accounts, function app). Change it if such a name is taken.
	NameSalt string

	// Managers is the number of Swarm managers: 1, 3, 5 or 7.
	Managers int
	// Workers is the number of Swarm workers: 0 to 100.
	Workers int
	// ManagerSize is the managers' VM size, such as Standard_B2als_v2.
	ManagerSize string
	// Door is the name of the manager through which everything else is reached. It runs
	// everything that concerns the whole Swarm, deploys, and is the workers' jump host.
	// Empty means the first manager.
	Door string
	// WorkerSize is the workers' VM size.
	WorkerSize string
	// VMImage is the image of every node: publisher:offer:sku:version.
	VMImage string
	// DiskGB is the size of every node's operating system disk in GiB; Docker
	// images and volumes live on it where a node has no data disk.
	DiskGB int
	// DataDiskGB is the size in GiB of every manager's data disk, which holds Docker's
	// directory and outlives the VM; 0 for none.
	DataDiskGB int
	// WorkerDataDiskGB is the same for workers.
	WorkerDataDiskGB int
	// DataDiskType is the data disks' kind, by Azure's name.
	DataDiskType string
	// KeepData protects the data disks: nothing deletes them, not even a destroy.
	KeepData bool
	// AdminUser is the account with sudo rights on every node.
	AdminUser string

	// SSHCidrs are the networks from which the managers accept SSH. Required.
	SSHCidrs []string
	// AdminCidrs are the networks from which AdminPorts can be reached.
	AdminCidrs []string
	// PublicPorts are the TCP ports open to everybody.
	PublicPorts []int
	// AdminPorts are the TCP ports open to AdminCidrs only.
	AdminPorts []int
	// VnetCidr is the address space of the virtual network.
	VnetCidr string
	// SubnetCidr is the nodes' part of it.
	SubnetCidr string

	// Zones are the availability zones that VMs are spread over in turn, in a region that
	// has some; empty for none.
	Zones []string
	// LoadBalancer puts a load balancer in front of all nodes for PublicPorts; workers
	// then have no public address.
	LoadBalancer bool
	// DNSLabel is the first part of the name that Azure gives the first manager's address;
	// empty for one derived from prefix, stack and subscription.
	DNSLabel string
	// Domain is your own name for the address at which the application answers.
	Domain string
	// DNSZone is the zone in Azure, in the same subscription, in which Domain's record is
	// made; empty where Domain is managed elsewhere.
	DNSZone string
	// DNSZoneResourceGroup is the resource group of DNSZone.
	DNSZoneResourceGroup string

	// OIDCSubjects are the subjects of GitHub's OIDC tokens that may sign in to
	// Azure as the Pulumi stack's deployer.
	OIDCSubjects []string
	// FunctionRuntime is the runtime of the function app, name:version; with custom:1.0 the
	// app is a program of its own.
	FunctionRuntime string
	// SoftDeleteDays is how long deleted blobs and secrets can be restored.
	SoftDeleteDays int
	// BackupTime is when the managers back up every night, HH:MM in UTC; empty for no
	// backups.
	BackupTime string
	// BackupDays is how long backups are kept.
	BackupDays int
	// KeepBackups protects the storage of backups, their key, and the key of the encrypted
	// secrets of stack files from deletion.
	KeepBackups bool
	// PurgeProtection keeps anybody from purging the deleted vault before
	// SoftDeleteDays are over. It can never be switched off again.
	PurgeProtection bool
}

// Defaults is the configuration of a Pulumi stack without settings. Location and
// SSHCidrs have no default: nobody else can know them.
func Defaults() Config {
	return Config{
		Prefix:          "aver",
		Managers:        1,
		Workers:         1,
		ManagerSize:     defaultSize,
		WorkerSize:      defaultSize,
		VMImage:         "Debian:debian-13:13-gen2:latest",
		DiskGB:          32,
		DataDiskGB:      32,
		DataDiskType:    "StandardSSD_LRS",
		KeepData:        true,
		AdminUser:       "aver",
		PublicPorts:     []int{80, 443},
		AdminPorts:      []int{15672, 8081},
		VnetCidr:        "10.20.0.0/16",
		SubnetCidr:      "10.20.1.0/24",
		Zones:           []string{"1", "2", "3"},
		FunctionRuntime: ownRuntime,
		SoftDeleteDays:  30,
		BackupDays:      30,
		KeepBackups:     true,
	}
}
