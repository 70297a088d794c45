package release

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/swarm"
)

func plain(h history) []Release {
	var list []Release
	for _, one := range h.releases {
		list = append(list, one.Release)
	}
	return list
}

// BuildStatus describes the state of a stack from its releases, oldest first, and from the
// state of the Swarm.
func BuildStatus(stack string, releases []Release, s State) Status {
	status := Status{Stack: stack, Nodes: nodeStatuses(s.Nodes), Secrets: secretStatuses(s.Secrets), Releases: []ReleaseStatus{}}
	var last *Release
	for i := range releases {
		last = &releases[i]
		status.Releases = append(status.Releases, last.Summary())
	}
	if last != nil {
		status.Release = &status.Releases[len(status.Releases)-1]
	}
	status.Differences = append([]Difference{}, Differences(last, s)...)
	status.InSync = last != nil && len(status.Differences) == 0
	status.Services = serviceStatuses(last, s)
	status.Healthy = len(status.Services) > 0 &&
		!slices.ContainsFunc(status.Services, func(s ServiceStatus) bool { return s.State != string(isUp) })
	status.Token = token(last, status.Differences)
	return status
}

// token is described at Status.Token.
func token(last *Release, differences []Difference) string {
	stored, own := "", slices.DeleteFunc(slices.Clone(differences), func(d Difference) bool { return d.Kind == "node" })
	if last != nil {
		stored = last.Token
	}
	if stored != "" && len(own) == 0 {
		return stored
	}
	return "drift-" + digest([]byte(stored+" "+canonical(own)))
}

// Summary is what may be shown of a release: its specs contain the values of variables.
func (r Release) Summary() ReleaseStatus {
	return ReleaseStatus{Number: r.Number, From: r.From, By: r.By, Origin: r.Origin, Time: r.Time, Revision: r.Revision, Actor: r.Actor, Images: imagesOf(r.Specs), RolledBack: r.RolledBack}
}

func serviceStatuses(last *Release, s State) []ServiceStatus {
	list := []ServiceStatus{}
	scene := newScene(s.Nodes, s.Tasks)
	gone := map[string]swarm.ServiceSpec{}
	if last != nil {
		gone = maps.Clone(last.Live)
	}
	for _, service := range s.Services {
		list = append(list, scene.status(service))
		delete(gone, service.Spec.Name)
	}
	for name := range gone {
		list = append(list, ServiceStatus{Name: name, State: "gone"})
	}
	slices.SortFunc(list, func(a, b ServiceStatus) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (s scene) status(service swarm.Service) ServiceStatus {
	found := s.judge(service, false)
	status := ServiceStatus{
		Name: service.Spec.Name, Desired: found.want, State: string(found.condition), Reason: found.reason,
		Mode: modeItems(Normalise(service.Spec).Mode)[0].show, Ports: publishedPorts(service.Spec),
	}
	if c := service.Spec.TaskTemplate.ContainerSpec; c != nil {
		status.Image = c.Image
	}
	if service.UpdateStatus != nil {
		status.Update = string(service.UpdateStatus.State)
		if service.UpdateStatus.State == swarm.UpdateStateUpdating {
			status.Updated = found.up
		}
	}
	status.Running, status.Done = s.count(service)
	return status
}

// count tells how many of a service's tasks run, and how many have done their work.
func (s scene) count(service swarm.Service) (running, done int) {
	j := &judgement{scene: s, service: service}
	j.slots()
	for _, task := range s.tasks[service.ID] {
		if j.runs(task) {
			running++
		}
	}
	for _, task := range j.newest {
		if j.done(task) {
			done++
		}
	}
	return running, done
}

func publishedPorts(spec swarm.ServiceSpec) []string {
	var ports []string
	for _, port := range Normalise(spec).EndpointSpec.Ports {
		if port.PublishedPort != 0 {
			ports = append(ports, fmt.Sprintf("%d/%s", port.PublishedPort, port.Protocol))
		}
	}
	return ports
}

func nodeStatuses(nodes []swarm.Node) []NodeStatus {
	list := []NodeStatus{}
	for _, node := range nodes {
		manager := node.ManagerStatus
		list = append(list, NodeStatus{
			Name: node.Description.Hostname, Role: string(node.Spec.Role),
			State: stateOf(node), Availability: string(node.Spec.Availability),
			Leader:    manager != nil && manager.Leader,
			Reachable: manager != nil && manager.Reachability == swarm.ReachabilityReachable,
			LabelsOK:  len(labelDifferences(Difference{}, node)) == 0,
			Held:      node.Spec.Labels[labelHold],
			Reboot:    node.Description.Engine.Labels[labelReboot],
		})
	}
	slices.SortFunc(list, func(a, b NodeStatus) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func secretStatuses(secrets []swarm.Secret) []SecretStatus {
	list := []SecretStatus{}
	for _, secret := range secrets {
		if name := secret.Spec.Labels[labelSecret]; name != "" {
			list = append(list, SecretStatus{Name: name, Version: secret.Spec.Name})
		}
	}
	slices.SortFunc(list, func(a, b SecretStatus) int { return cmp.Compare(a.Version, b.Version) })
	return list
}
