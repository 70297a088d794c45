package infra

const (
	// minDiskGB is the size of Debian's own image on Azure; a disk cannot be
	// smaller. maxDiskGB is the largest managed OS disk.
	minDiskGB = 30
	maxDiskGB = 4095
	// maxSubjects is Entra ID's limit of federated credentials on one application.
	maxSubjects = 20
)
