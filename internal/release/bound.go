package release

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

// BoundService is a service that keeps data on nodes: on the nodes that its constraints
// name or, without constraints, on the nodes that its tasks run on.
type BoundService struct {
	// Name is its full name.
	Name string `json:"name"`
	// Nodes are the host names of those nodes, sorted.
	Nodes []string `json:"nodes"`
	// Constraints are the service's constraints; empty if only its data bind it to its
	// nodes.
	Constraints []string `json:"constraints"`
	// Data are the volumes and directories that it keeps on those nodes, such as "volume
	// aver_data".
	Data []string `json:"data"`
}

// boundServices are the bound services of the whole Swarm, by name. `pulumi up` needs them
// for all stacks before it removes a node.
func boundServices(services []swarm.Service, tasks []swarm.Task, nodes []swarm.Node) []BoundService {
	found := []BoundService{}
	for _, service := range services {
		placement, data := service.Spec.TaskTemplate.Placement, localData(service.Spec)
		if len(data) == 0 {
			continue
		}
		one, free := BoundService{Name: service.Spec.Name, Data: data}, true
		if placement != nil && len(placement.Constraints) > 0 {
			one.Constraints, free = placement.Constraints, false
		}
		for _, node := range nodes {
			here := slices.ContainsFunc(tasks, func(t swarm.Task) bool {
				return t.ServiceID == service.ID && t.NodeID == node.ID && runsThere(t)
			})
			if here || !free && fits(placement, node) {
				one.Nodes = append(one.Nodes, node.Description.Hostname)
			}
		}
		slices.Sort(one.Nodes)
		if len(one.Nodes) > 0 { // otherwise no node has its data
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b BoundService) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// notData are directories of a node in which nobody keeps data.
var notData = []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/run"}

// localData is what a service keeps on the node that a task runs on: named volumes that are
// directories there, and directories of the node that it may write to. A volume without a
// name lives as long as its task.
func localData(spec swarm.ServiceSpec) []string {
	if spec.TaskTemplate.ContainerSpec == nil {
		return nil
	}
	var data []string
	for _, m := range spec.TaskTemplate.ContainerSpec.Mounts {
		switch {
		case m.Type == mount.TypeVolume && m.Source != "" && isLocal(m.VolumeOptions):
			data = append(data, "volume "+m.Source)
		case m.Type == mount.TypeBind && !m.ReadOnly && !slices.ContainsFunc(notData, func(dir string) bool { return isBelow(m.Source, dir) }):
			data = append(data, "directory "+m.Source)
		}
	}
	return data
}

func isBelow(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// elsewhere are the kinds of file systems of the local driver that keep no data on the node.
var elsewhere = []string{"nfs", "nfs4", "cifs", "smb3", "tmpfs"}

// isLocal tells whether a volume's data are on the node.
func isLocal(options *mount.VolumeOptions) bool {
	if options == nil || options.DriverConfig == nil {
		return true
	}
	driver := options.DriverConfig
	return (driver.Name == "" || driver.Name == "local") && !slices.Contains(elsewhere, driver.Options["type"])
}
