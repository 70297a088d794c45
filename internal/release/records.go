package release

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

// nameGrace is how long a task must have run, or be over, before its records count: the
// nodes exchange records within seconds.
const nameGrace = 30 * time.Second

// records is the result of comparing one network's records on one node with Swarm's tasks.
type records struct {
	network  string
	partial  []partial
	leftover []leftover
}

// partial is a service of which Docker knows fewer tasks than run.
type partial struct {
	service     string
	known, runs int
}

// leftover is a record that no longer belongs to any task. Requests to it reach no task.
type leftover struct{ service, address string }

// readRecords compares what Docker shows of one network with Swarm's tasks on it. Tasks on
// nodes that do not answer are ignored in both directions. Plain containers have records,
// too, but without a service's name.
func readRecords(shown network.Inspect, services []swarm.Service, s scene, now time.Time) records {
	r := records{network: shown.Name}
	taken, due := addressesOf(s, shown.ID, now)
	for _, service := range services {
		if wanted := due[service.ID]; len(wanted) > 0 {
			if known := knownOf(shown.Services[service.Spec.Name], wanted); known < len(wanted) {
				r.partial = append(r.partial, partial{service.Spec.Name, known, len(wanted)})
			}
		}
	}
	for name, info := range shown.Services {
		for _, record := range info.Tasks {
			if name != "" && !taken[record.EndpointIP] {
				r.leftover = append(r.leftover, leftover{name, record.EndpointIP})
			}
		}
	}
	slices.SortFunc(r.partial, func(a, b partial) int { return strings.Compare(a.service, b.service) })
	slices.SortFunc(r.leftover, func(a, b leftover) int {
		return cmp.Or(strings.Compare(a.service, b.service), strings.Compare(a.address, b.address))
	})
	return r
}

// addressesOf returns two things about a network: taken are the addresses that a task has,
// or had until just now; due are the addresses that must be known, by the service's id.
func addressesOf(s scene, networkID string, now time.Time) (taken map[string]bool, due map[string][]string) {
	taken, due = map[string]bool{}, map[string][]string{}
	for id, tasks := range s.tasks {
		for _, task := range tasks {
			addresses := addressesOn(task, networkID)
			settled := now.Sub(task.Status.Timestamp) >= nameGrace
			for _, address := range addresses {
				taken[address] = taken[address] || !over(task) || !settled
			}
			if len(addresses) > 0 && settled && s.runs(task) {
				due[id] = append(due[id], addresses[0])
			}
		}
	}
	return taken, due
}

// knownOf counts the addresses that Docker has records of. With index 0, a service has no
// load balancer on this node: Docker has its records but not its name.
func knownOf(info network.ServiceInfo, addresses []string) int {
	known := 0
	for _, task := range info.Tasks {
		if info.LocalLBIndex != 0 && slices.Contains(addresses, task.EndpointIP) {
			known++
		}
	}
	return known
}

// addressesOn are a task's addresses on a network, without their prefix length.
func addressesOn(task swarm.Task, id string) []string {
	var addresses []string
	for _, attachment := range task.NetworksAttachments {
		if attachment.Network.ID != id {
			continue
		}
		for _, address := range attachment.Addresses {
			address, _, _ = strings.Cut(address, "/")
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// codeNameStale is the code of a stale record. One look cannot tell it from a record that
// is about to be removed, so status does not report it; only the agent does.
const codeNameStale = "name-stale"

// differences turns the faults into differences. A missing name is a fault of the service,
// whose tasks must be restarted. A stale record belongs to the node, since only a restart
// of its Docker removes it.
func (r records) differences(host string) []Difference {
	var found []Difference
	for _, p := range r.partial {
		d := Difference{Code: CodeNameMissing, Kind: "service", Name: p.service, Path: host + "." + r.network,
			Released: strconv.Itoa(p.runs), Live: strconv.Itoa(p.known)}
		if p.known == 0 {
			found = append(found, d.say("its name does not resolve on %s, in the network %s", host, r.network))
		} else {
			found = append(found, d.say("%s knows %d of its %d tasks, in the network %s", host, p.known, p.runs, r.network))
		}
	}
	for _, l := range r.leftover {
		d := Difference{Code: codeNameStale, Kind: "node", Name: host, Path: r.network + "." + l.service, Live: l.address}
		found = append(found, d.say("still has the address %s for %s in the network %s, which no task uses; some requests fail", l.address, l.service, r.network))
	}
	return found
}

// networksHere are the networks of the tasks that run on a node, and the ingress
// network, which every node has.
func networksHere(tasks []swarm.Task, node string) []string {
	ids := map[string]bool{}
	for _, task := range tasks {
		for _, attachment := range task.NetworksAttachments {
			here := task.NodeID == node && task.Status.State == swarm.TaskStateRunning
			if here || attachment.Network.Spec.Ingress {
				ids[attachment.Network.ID] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
