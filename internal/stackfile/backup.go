package stackfile

import (
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/types"
)

// LabelBackup is the label of a service (deploy.labels) whose volumes are backed up every
// night. BackupTrue pauses its containers while a volume is read. BackupLive does not: it
// is for programs whose files are consistent at every moment.
const (
	LabelBackup = "averazure.backup"
	BackupTrue  = "true"
	BackupLive  = "live"
	backupFalse = "false"
)

// backup refuses labels that look like a backup label but would not cause a backup.
func (c *checker) backup(service types.ServiceConfig) {
	if _, is := service.Labels[LabelBackup]; is {
		c.add(at("services", service.Name, "labels"), "service %q has %s among the labels of its containers; it is a label of the service, in deploy.labels", service.Name, LabelBackup)
	}
	value, is := service.Deploy.Labels[LabelBackup]
	if !is || value == backupFalse {
		return
	}
	where := at("services", service.Name, "deploy", "labels")
	if known := []string{BackupTrue, BackupLive}; !slices.Contains(known, value) {
		c.add(where, "service %q has %s: %q; it is %s, or false", service.Name, LabelBackup, value, strings.Join(known, ", "))
	}
	if !hasVolume(service) {
		c.add(where, "service %q has %s and no named volume, so there is nothing to back up", service.Name, LabelBackup)
	}
}

// hasVolume tells whether a service has a named volume.
func hasVolume(service types.ServiceConfig) bool {
	return slices.ContainsFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == "volume" && v.Source != "" })
}
