package infra

import (
	"errors"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/settings"
)

// diskType is registered by its token, as the VM is.
const diskType = "azure-native:compute/v20230402:Disk"

// newDataDisk makes the disk that outlives a node's VM and holds Docker's directory: the
// Swarm's state and the named volumes. Nil for a node without. It is made empty; the
// node formats it (cluster/scripts/data.sh). Azure attaches it to a VM of its own zone
// only, and grows it while it is in use.
// https://learn.microsoft.com/azure/virtual-machines/linux/expand-disks
func (b *builder) newDataDisk(n node) (*pulumi.CustomResourceState, error) {
	if n.dataGB == 0 {
		return nil, nil
	}
	inputs := pulumi.Map{
		"resourceGroupName": b.group.Name,
		"location":          b.location(),
		"diskName":          pulumi.String(n.name + "-data"),
		"sku":               pulumi.Map{"name": pulumi.String(b.args.DataDiskType)},
		"creationData":      pulumi.Map{"createOption": pulumi.String("Empty")},
		"diskSizeGB":        pulumi.Int(n.dataGB),
		// The disk holds the Swarm's secrets, so nobody may download it.
		"networkAccessPolicy": pulumi.String("DenyAll"),
		"publicNetworkAccess": pulumi.String("Disabled"),
		"tags":                b.tags(),
	}
	if n.zone != "" {
		inputs["zones"] = pulumi.ToStringArray([]string{n.zone})
	}
	disk := &pulumi.CustomResourceState{}
	err := b.ctx.RegisterResource(diskType, b.child(n.key+"-data"), inputs, disk, b.parent(), pulumi.Version(sdkVersion), pulumi.Protect(b.args.KeepData))
	return disk, err
}

// attached is a VM's list of data disks. When the VM is deleted, the disk is detached, and
// the next VM of the node gets it. The size is set on the disk only: Azure refuses a VM
// that names another size than the disk has.
func attached(disk *pulumi.CustomResourceState) pulumi.Array {
	return pulumi.Array{pulumi.Map{
		"lun":          pulumi.Int(host.DataLUN),
		"createOption": pulumi.String("Attach"),
		"deleteOption": pulumi.String("Detach"),
		// With the host's cache, Raft and databases would take data as written that is not
		// on the disk yet.
		"caching":     pulumi.String("None"),
		"managedDisk": pulumi.Map{"id": disk.ID()},
	}}
}

// dataGB is the size of a role's data disks; 0 for none.
func (c Config) dataGB(role host.Role) int {
	if role == host.Worker {
		return c.WorkerDataDiskGB
	}
	return c.DataDiskGB
}

// equipped are the nodes with the data disks that they get. A manager that was made without
// a data disk, before this program supported them, gets none until the settings file names
// a size: its Docker has to stop while its directory moves. A disk stays in its zone, and
// so does its VM.
func (b *builder) equipped(nodes []node) ([]node, error) {
	var problems []error
	var without, fixed []string
	for i, n := range nodes {
		before, has := b.args.Drift.Disk(b.child(n.key + "-data"))
		_, made := b.args.Drift.Zone(b.child(n.key))
		wanted := b.args.dataGB(n.role)
		switch {
		case has:
			problems = append(problems, b.args.unchangeable(n, before.GB, before.Type))
			if before.Zone != n.zone {
				nodes[i].zone = before.Zone
				fixed = append(fixed, n.name)
			}
		case made && n.role == host.Manager && wanted > 0 && !b.args.DataNamed:
			wanted = 0
			without = append(without, n.name)
		}
		nodes[i].dataGB = wanted
	}
	problems = append(problems, b.forgotten(nodes)...)
	if err := errors.Join(problems...); err != nil || !b.ctx.DryRun() {
		return nodes, err
	}
	return nodes, errors.Join(
		b.warn("dataDiskGB", without, "these managers keep Docker's directory on the VM's own disk, so a rebuild loses it: %s. "+
			"With averazure:dataDiskGB in the settings file each gets a data disk. Docker stops while the directory moves there, on one manager after the other "+
			"(docs/operations.md, \"Data disks\"); 0 ends this warning"),
		b.warn("zones", fixed, "these VMs stay in the zones of their data disks, which cannot move: %s"))
}

// unchangeable reports changes of a disk in use that Azure refuses or Docker does not survive.
func (a Args) unchangeable(n node, gb int, sku string) error {
	key := "dataDiskGB"
	if n.role == host.Worker {
		key = "workerDataDiskGB"
	}
	wanted := a.dataGB(n.role)
	switch {
	case wanted == 0:
		return settings.Problemf(key, "0 is refused for %s, whose Docker directory is on the data disk; to change that, remove the node and add it again", n.name)
	case wanted < gb:
		return settings.Problemf(key, "%d: the data disk of %s has %d GiB, and Azure makes no disk smaller", wanted, n.name, gb)
	case sku != "" && sku != a.DataDiskType:
		return settings.Problemf("dataDiskType", "%s: the data disk of %s is a %s, which Azure changes only while the VM is deallocated; docs/operations.md, \"Data disks\", says how", a.DataDiskType, n.name, sku)
	}
	return nil
}

// forgotten reports the disks of nodes that the configuration no longer has. While keepData
// is set nothing deletes them, and the preview should say so in terms of the settings.
func (b *builder) forgotten(nodes []node) []error {
	if !b.args.KeepData {
		return nil
	}
	wanted := map[string]bool{}
	for _, n := range nodes {
		wanted[b.child(n.key+"-data")] = true
	}
	var problems []error
	for _, name := range b.args.Drift.Disks() {
		if !wanted[name] {
			problems = append(problems, settings.Problemf("keepData", "%s and all its data would be deleted with its node; if you want that, "+
				"run `pulumi up` once with averazure:keepData false and the same nodes, then again with fewer", name))
		}
	}
	return problems
}

func (c Config) validateDisks(p *problems) {
	for _, size := range []struct {
		key   string
		value int
	}{{"dataDiskGB", c.DataDiskGB}, {"workerDataDiskGB", c.WorkerDataDiskGB}} {
		if size.value != 0 && (size.value < minDataGB || size.value > maxDiskGB) {
			p.add(size.key, size.value, "must be between %d and %d GiB, or 0 for no data disk", minDataGB, maxDiskGB)
		}
	}
	if !slices.Contains(dataDiskTypes, c.DataDiskType) {
		p.add("dataDiskType", c.DataDiskType, "must be one of %s", strings.Join(dataDiskTypes, ", "))
	}
	for _, size := range []struct {
		key, value string
		gb         int
	}{{"managerSize", c.ManagerSize, c.DataDiskGB}, {"workerSize", c.WorkerSize, c.WorkerDataDiskGB}} {
		if size.gb > 0 && strings.HasPrefix(c.DataDiskType, "Premium") && !premium(size.value) {
			p.add("dataDiskType", c.DataDiskType, "averazure:%s %s does not support premium disks; a size with an s after its number does", size.key, size.value)
		}
	}
}
