package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// kept is a named volume that is to be backed up.
type kept struct {
	volume, service string
	live            bool
	hosts           []string // where tasks of the service run
}

// backedVolumes are the volumes of services with the label, sorted by name, and the
// problems with the label.
func backedVolumes(services []swarm.Service, tasks []swarm.Task, nodes []swarm.Node) ([]kept, []Problem) {
	var found []kept
	var problems []Problem
	for _, service := range services {
		label, is := service.Spec.Labels[stackfile.LabelBackup]
		if !is || label == "false" {
			continue
		}
		if label != stackfile.BackupTrue && label != stackfile.BackupLive {
			problems = append(problems, Problem{Code: "backup-label", Service: service.Spec.Name,
				Reason: fmt.Sprintf("the label %s is %q; it must be %q or %q", stackfile.LabelBackup, label, stackfile.BackupTrue, stackfile.BackupLive)})
			continue
		}
		hosts := hostsOf(service, tasks, nodes)
		for _, name := range volumes(service.Spec) {
			found = append(found, kept{name, service.Spec.Name, label == stackfile.BackupLive, hosts})
		}
	}
	slices.SortFunc(found, func(a, b kept) int {
		return cmp.Or(strings.Compare(a.volume, b.volume), strings.Compare(a.service, b.service))
	})
	return found, problems
}

// hostsOf are the nodes on which tasks of a service run, by name.
func hostsOf(service swarm.Service, tasks []swarm.Task, nodes []swarm.Node) []string {
	var hosts []string
	for _, node := range nodes {
		runs := func(t swarm.Task) bool {
			return t.ServiceID == service.ID && t.NodeID == node.ID && t.Status.State == swarm.TaskStateRunning
		}
		if name := node.Description.Hostname; name != "" && slices.ContainsFunc(tasks, runs) {
			hosts = append(hosts, name)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// unreached are the volumes that no manager can back up: their service runs on workers
// alone, or nowhere.
func unreached(all []kept, nodes []swarm.Node) []Problem {
	managers := map[string]bool{}
	for _, node := range nodes {
		managers[node.Description.Hostname] = node.ManagerStatus != nil
	}
	var problems []Problem
	for _, one := range all {
		if slices.ContainsFunc(one.hosts, func(host string) bool { return managers[host] }) {
			continue
		}
		p := Problem{Code: "not-backed-up", Service: one.service, Reason: fmt.Sprintf("volume %s of %s: no task of the service runs, so its node is unknown", one.volume, one.service)}
		if len(one.hosts) > 0 {
			p.Node = one.hosts[0]
			p.Reason = fmt.Sprintf("volume %s of %s is on %s, and only managers make backups; pin the service to a manager", one.volume, one.service, strings.Join(one.hosts, ", "))
		}
		problems = append(problems, p)
	}
	return problems
}
