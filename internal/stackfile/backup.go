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
)

// backup refuses labels that look like a backup label but would not cause a backup.
func (c *checker) backup(service types.ServiceConfig) {
	value, is := c.labelled(service, LabelBackup)
	if !is {
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

// labelFalse is the value with which a label counts as missing.
const labelFalse = "false"

// labelled returns the value of one of stackctl's labels, if the service has it. It refuses
// the label among those of the containers.
func (c *checker) labelled(service types.ServiceConfig, label string) (value string, is bool) {
	if _, is := service.Labels[label]; is {
		c.add(at("services", service.Name, "labels"), "service %q has %s among the labels of its containers; it is a label of the service, in deploy.labels", service.Name, label)
	}
	value, is = service.Deploy.Labels[label]
	return value, is && value != labelFalse
}

// hasVolume tells whether a service has a named volume.
func hasVolume(service types.ServiceConfig) bool {
	return slices.ContainsFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == "volume" && v.Source != "" })
}
