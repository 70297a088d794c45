package stackfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/compose/types"
	"gopkg.in/yaml.v3"

	"averazure/internal/ports"
)

// passedOver are keys that Docker's loader reads and its converter ignores, but that
// types.UnsupportedProperties does not list.
var passedOver = []string{"depends_on", "tmpfs"}

// takenBelow are the keys that have a meaning in the mappings of a mount, where Docker's
// schema accepts every key. A subpath is refused.
var takenBelow = map[string][]string{"bind": {"propagation"}, "volume": {"nocopy", "subpath"}, "tmpfs": {"size"}}

// boundPort matches a port with an address before it.
var boundPort = regexp.MustCompile(`^(\[.*\]|[0-9]+\.[0-9.]+):`)

// noteIgnored collects the keys that docker stack deploy ignores without an error. They
// belong to Compose, and their author expects them to work.
func (f *File) noteIgnored(tree tree, dict map[string]any) {
	found := problems{places: places{tree}}
	services, _ := dict["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service, _ := services[name].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(service)) {
			_, deprecated := types.DeprecatedProperties[key]
			if deprecated || slices.Contains(types.UnsupportedProperties, key) || slices.Contains(passedOver, key) {
				found.add(at("services", name, key), "service %q sets %s, which docker stack deploy ignores", name, key)
			}
		}
		found.passedOverBelow(name, service)
		for i, port := range list(service["ports"]) {
			if text, ok := port.(string); ok && boundPort.MatchString(text) {
				found.add(at("services", name, "ports", strconv.Itoa(i)), "service %q publishes %s, but a Swarm publishes on every address of every node", name, text)
			}
		}
	}
	f.ignored = append(f.ignored, errorTexts(found.all())...)
}

// passedOverBelow notes keys without effect inside a service's keys.
func (p *problems) passedOverBelow(name string, service map[string]any) {
	add := func(key string, where ...string) {
		p.add(append(at("services", name), append(where, key)...), "service %q sets %s, which docker stack deploy ignores", name, key)
	}
	networks, _ := service["networks"].(map[string]any)
	for _, network := range slices.Sorted(maps.Keys(networks)) {
		options, _ := networks[network].(map[string]any)
		for _, key := range []string{"ipv4_address", "ipv6_address"} {
			if _, ok := options[key]; ok {
				add(key, "networks", network)
			}
		}
	}
	for i, volume := range list(service["volumes"]) {
		mount, _ := volume.(map[string]any)
		for _, kind := range slices.Sorted(maps.Keys(takenBelow)) {
			options, _ := mount[kind].(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(options)) {
				if !slices.Contains(takenBelow[kind], key) {
					add(key, "volumes", strconv.Itoa(i), kind)
				}
			}
		}
	}
}

func errorTexts(problems []error) []string {
	var texts []string
	for _, problem := range problems {
		texts = append(texts, problem.Error())
	}
	return texts
}

// noteTwice warns of keys that occur twice in one mapping: Docker on the nodes silently
// takes the last one, and newer versions refuse the file.
func (f *File) noteTwice(tree tree) {
	found := problems{places: places{tree}}
	var look func(node *yaml.Node)
	look = func(node *yaml.Node) {
		lines := map[string]int{}
		for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
			key := node.Content[i]
			if line, twice := lines[key.Value]; twice && key.Kind == yaml.ScalarNode && !merges(key) {
				found.addAt(position{tree.file, key.Line}, "the key %q is in line %d already; Docker ignores the first one", shortened(key.Value), line)
			}
			lines[key.Value] = key.Line
		}
		for _, child := range node.Content {
			look(child)
		}
	}
	look(tree.root)
	f.ignored = append(f.ignored, errorTexts(found.all())...)
}

// Warnings are about the file alone, whoever deploys it: keys without effect in a Swarm,
// secrets that everybody can read, and images that are placeholders. Given are the images
// that replace those of the file, by service.
func (f *File) Warnings(given map[string]string) []string {
	return slices.Concat(f.ignored, f.PlainSecrets(), f.secretsInClear(), f.placeholders(given))
}

// placeholder matches an image whose registry or owner is only an example.
var placeholder = regexp.MustCompile(`(?i)(^|/)your[-_]?(org|name|user|team|company|registry|owner)[^/]*/|^[^/]*\b(example|invalid)(\.(com|net|org))?(:\d+)?/`)

// IsPlaceholder tells whether an image, with or without a registry, is only an example that
// nobody owns.
func IsPlaceholder(image string) bool { return placeholder.MatchString(image) }

// placeholders warns of images that are placeholders.
func (f *File) placeholders(given map[string]string) []string {
	var warnings []string
	for _, service := range f.model.Services {
		if _, put := given[service.Name]; !put && IsPlaceholder(service.Image) {
			warnings = append(warnings, fmt.Sprintf("%s: service %q has the image %s, which is a placeholder; name the image to run",
				f.places.at("services", service.Name, "image"), service.Name, service.Image))
		}
	}
	return warnings
}

// About is a sentence about a key of a service, with the key's place in front.
func (f *File) About(service, key, sentence string) string {
	return fmt.Sprintf("%s: service %q: %s", f.places.at("services", service, key), service, sentence)
}

// Replaced returns a note for every service whose image the program replaces: it says which
// image runs. Given are the replacing images by service, in the form in which messages show
// them.
func (f *File) Replaced(given map[string]string) []string {
	var notes []string
	for _, service := range f.model.Services {
		if image, put := given[service.Name]; put {
			notes = append(notes, f.About(service.Name, "image", fmt.Sprintf("%s runs in place of the file's %s", image, service.Image)))
		}
	}
	return notes
}

// PortWarnings names the published ports that the firewall keeps closed: the service would
// run, and nobody could reach it. Ports with the same advice share one sentence.
func (f *File) PortWarnings(open ports.Open) []string {
	places := map[string][]string{}
	for _, service := range f.model.Services {
		for _, port := range service.Ports {
			if advice := portAdvice(port, isEdge(service), open); advice != "" && !f.isFitted(port) {
				places[advice] = append(places[advice], fmt.Sprintf("%s: service %q publishes %s",
					publication{f, service.Name, port}.at(), service.Name, socketOf(port)))
			}
		}
	}
	var warnings []string
	for _, advice := range slices.Sorted(maps.Keys(places)) {
		warnings = append(warnings, fmt.Sprintf("%s, which the firewall does not open%s", strings.Join(places[advice], "; "), advice))
	}
	return warnings
}

// The ports of an edge, the service that has the certificates. The certificate authority
// connects to the first port before it issues a certificate.
const (
	httpPort  = 80
	HTTPSPort = 443
)

// isEdge tells whether a service publishes HTTPS.
func isEdge(service types.ServiceConfig) bool {
	return slices.ContainsFunc(service.Ports, func(port types.ServicePortConfig) bool {
		return socketOf(port) == socket{HTTPSPort, "tcp"}
	})
}

// portAdvice says how to open a published port. It is empty if the port is open, or if
// Docker chooses it.
func portAdvice(port types.ServicePortConfig, edge bool, open ports.Open) string {
	number := int(port.Published)
	switch {
	case number == 0:
		return ""
	case protocol(port) != "tcp":
		return ": averazure:publicPorts and averazure:adminPorts open TCP only"
	case slices.Contains(open.Public, number):
		return ""
	case edge && (number == httpPort || number == HTTPSPort):
		return " to everybody: an edge needs both 80 and 443 in averazure:publicPorts, to be reached and to get its certificates; add what is missing, and take it out of averazure:adminPorts if it is there"
	case slices.Contains(open.Admin, number):
		return ""
	case slices.Contains(open.Waiting, number):
		return ": averazure:adminCidrs is empty; set it to the networks that may reach averazure:adminPorts"
	}
	return ": add it to averazure:publicPorts (everybody) or averazure:adminPorts (only averazure:adminCidrs)"
}

// HostPortWarnings names the ports that a balancer forwards and that a service publishes
// with mode host: only a node with a task of the service answers there. A global service
// without constraints has a task on every node.
func (f *File) HostPortWarnings(forwarded []int) []string {
	var warnings []string
	for _, service := range f.model.Services {
		for _, port := range service.Ports {
			if port.Mode == "host" && protocol(port) == "tcp" && slices.Contains(forwarded, int(port.Published)) && !everywhere(service) {
				warnings = append(warnings, fmt.Sprintf("%s: service %q publishes %d with mode host: behind averazure:loadBalancer only nodes that run a task of it are healthy for this port; "+
					"if every node should be, publish it with mode ingress, or deploy the service with mode global and no constraints",
					publication{f, service.Name, port}.at(), service.Name, port.Published))
			}
		}
	}
	return warnings
}

// everywhere tells whether a service has a task on every node.
func everywhere(service types.ServiceConfig) bool {
	return service.Deploy.Mode == "global" && len(service.Deploy.Placement.Constraints) == 0
}

// NodeWarnings returns one sentence for every host name in a constraint that no node has:
// the tasks of such a service can run nowhere.
func (f *File) NodeWarnings(nodes []string) []string {
	places := map[string][]string{}
	for _, service := range f.model.Services {
		for i, constraint := range service.Deploy.Placement.Constraints {
			key, name, equals := strings.Cut(constraint, "==")
			name = strings.TrimSpace(name)
			if !equals || !strings.EqualFold(strings.TrimSpace(key), "node.hostname") ||
				slices.ContainsFunc(nodes, func(node string) bool { return strings.EqualFold(node, name) }) {
				continue
			}
			places[name] = append(places[name], fmt.Sprintf("%s: service %q",
				f.places.at("services", service.Name, "deploy", "placement", "constraints", fmt.Sprint(i)), service.Name))
		}
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(places)) {
		warnings = append(warnings, fmt.Sprintf("%s: bound to node.hostname == %s, which is not the name of a node; the nodes are %s",
			strings.Join(places[name], "; "), name, strings.Join(nodes, ", ")))
	}
	return warnings
}
