package infra

const (
	// minDiskGB is the size of Debian's own image on Azure; a disk cannot be smaller.
	// maxDiskGB is the size of the largest managed OS disk, and the largest size to which a
	// data disk grows while it is in use.
	minDiskGB = 30
	maxDiskGB = 4095
	// minDataGB is the smallest data disk: the Swarm's state and some images.
	minDataGB = 4
	// maxSubjects is Entra ID's limit of federated credentials on one application.
	maxSubjects = 20
)

// dataDiskTypes are those that any VM with a cache of its own kind takes, in one zone.
// Ultra and PremiumV2 disks want a switch of the VM's, and ZRS ones are not everywhere.
var dataDiskTypes = []string{"Standard_LRS", "StandardSSD_LRS", "Premium_LRS"}
