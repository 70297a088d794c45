package stackfile

import (
	"slices"
	"strconv"

	"github.com/docker/cli/cli/compose/types"
	"github.com/docker/go-connections/nat"
	"gopkg.in/yaml.v3"
)

// publication is a port that a service publishes.
type publication struct {
	file    *File
	service string
	port    types.ServicePortConfig
}

// socket is a port and a protocol, which the Swarm gives to one service only.
type socket struct {
	number   int
	protocol string
}

func socketOf(port types.ServicePortConfig) socket {
	return socket{int(port.Published), protocol(port)}
}

func (s socket) String() string { return strconv.Itoa(s.number) + "/" + s.protocol }

// PortsTwice lists the ports that several services publish, in stack files that run side by
// side: the Swarm refuses the second service.
func PortsTwice(files ...*File) []error {
	found := &problems{places: files[0].places}
	found.portsTwice(files...)
	return found.all()
}

func (p *problems) portsTwice(files ...*File) {
	taken := map[socket][]publication{}
	for _, file := range files {
		for _, service := range file.model.Services {
			for _, port := range service.Ports {
				if port.Published == 0 { // Docker chooses one
					continue
				}
				this := publication{file, service.Name, port}
				if i := slices.IndexFunc(taken[socketOf(port)], this.clashes); i >= 0 {
					p.clash(taken[socketOf(port)][i], this)
				}
				taken[socketOf(port)] = append(taken[socketOf(port)], this)
			}
		}
	}
}

// clashes tells whether the Swarm refuses two publications of one port. It accepts those of
// two services with mode host, since their tasks run on different nodes.
// https://github.com/moby/swarmkit/blob/master/manager/controlapi/service.go
func (p publication) clashes(other publication) bool {
	return p.sameService(other) || p.port.Mode != "host" || other.port.Mode != "host"
}

func (p publication) sameService(other publication) bool {
	return p.file == other.file && p.service == other.service
}

// clash notes two publications of one port.
func (p *problems) clash(first, second publication) {
	if first.sameService(second) {
		where := first.file.places.published(first.service, first.port)
		p.addAt(second.at(), "service %q publishes %s twice, here and in %s; publish it once", second.service, socketOf(second.port), where[0])
		return
	}
	p.addAt(second.at(), "service %q publishes %s, and so does service %q in %s; publish another port",
		second.service, socketOf(second.port), first.service, first.at())
}

// published returns where a service publishes a port, in the order of the sources: the
// items that have the port, or the whole list of ports if the number comes from a variable.
func (p places) published(service string, port types.ServicePortConfig) []position {
	var found []position
	for _, tree := range p {
		list := content(tree.root)
		for _, key := range at("services", service, "ports") {
			if list != nil {
				_, list = child(list, key)
			}
		}
		if list == nil || content(list).Kind != yaml.SequenceNode {
			continue
		}
		for _, item := range content(list).Content {
			if publishes(content(item), socketOf(port)) {
				found = append(found, position{tree.file, item.Line})
			}
		}
	}
	if len(found) == 0 {
		return []position{p.at("services", service, "ports")}
	}
	return found
}

// publishes tells whether an item of a list of ports, in either form, has the port.
func publishes(item *yaml.Node, wanted socket) bool {
	if item.Kind == yaml.MappingNode {
		var long types.ServicePortConfig
		_, number := child(item, "published")
		if _, name := child(item, "protocol"); name != nil {
			long.Protocol = content(name).Value
		}
		return number != nil && content(number).Value == strconv.Itoa(wanted.number) && protocol(long) == wanted.protocol
	}
	mappings, err := nat.ParsePortSpec(item.Value)
	return err == nil && slices.ContainsFunc(mappings, func(m nat.PortMapping) bool {
		return m.Binding.HostPort == strconv.Itoa(wanted.number) && m.Port.Proto() == wanted.protocol
	})
}

// at is the place in the last source that publishes the port.
func (p publication) at() position {
	where := p.file.places.published(p.service, p.port)
	return where[len(where)-1]
}
