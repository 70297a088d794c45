package stack

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/compose/types"
	"gopkg.in/yaml.v3"

	"averazure/internal/ports"
)

// check finds what the schema allows and the manager would refuse.
func (f *File) check(dir string) []error {
	var problems []error
	if len(f.model.Services) == 0 {
		problems = append(problems, fmt.Errorf("%s: there are no services in it", f.name))
	}
	for _, service := range f.model.Services {
		problems = append(problems, f.checkService(service)...)
		problems = append(problems, f.checkMounts(service, dir)...)
	}
	for _, kind := range []struct {
		name  string
		files map[string]types.FileObjectConfig
	}{{"secrets", asFiles(f.model.Secrets)}, {"configs", asFiles(f.model.Configs)}} {
		for _, name := range slices.Sorted(maps.Keys(kind.files)) {
			if kind.files[name].File != "" {
				problems = append(problems, fmt.Errorf("%s: %s.%s reads a file of this machine, which the managers do not have; create it in the Swarm and mark it external", f.at(kind.name, name), kind.name, name))
			}
		}
	}
	return problems
}

func (f *File) checkService(service types.ServiceConfig) []error {
	var problems []error
	fail := func(key, format string, values ...any) {
		problems = append(problems, fmt.Errorf("%s: service %q %s", f.at("services", service.Name, key), service.Name, fmt.Sprintf(format, values...)))
	}
	if service.Image == "" {
		fail("image", "names no image; docker stack deploy builds none")
	} else if _, err := reference.ParseAnyReference(service.Image); err != nil {
		fail("image", "has the image %q: %v", service.Image, err)
	}
	for _, name := range slices.Sorted(maps.Keys(service.Networks)) {
		if _, ok := f.model.Networks[name]; !ok && name != "default" {
			fail("networks", "is on the network %q, which the file does not define", name)
		}
	}
	for _, secret := range service.Secrets {
		if _, ok := f.model.Secrets[secret.Source]; !ok {
			fail("secrets", "uses the secret %q, which the file does not define", secret.Source)
		}
	}
	for _, config := range service.Configs {
		if _, ok := f.model.Configs[config.Source]; !ok {
			fail("configs", "uses the config %q, which the file does not define", config.Source)
		}
	}
	problems = append(problems, f.checkEnvironment(service)...)
	return append(problems, f.checkPorts(service)...)
}

// checkEnvironment refuses a variable without a value, which Docker would take
// from the environment of whoever deploys.
func (f *File) checkEnvironment(service types.ServiceConfig) []error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(service.Environment)) {
		if service.Environment[name] == nil {
			problems = append(problems, fmt.Errorf("%s: service %q gives %s no value, and the managers have none to pass on; write it out, as \"\" where it is empty",
				f.at("services", service.Name, "environment", name), service.Name, name))
		}
	}
	return problems
}

// checkPorts refuses ports that belong to the nodes, as stackctl does.
func (f *File) checkPorts(service types.ServiceConfig) []error {
	var problems []error
	for _, port := range service.Ports {
		if use := ports.Kept(int(port.Published)); use != "" {
			problems = append(problems, fmt.Errorf("%s: service %q publishes %d/%s, which on every node belongs to %s; publish another port",
				f.at("services", service.Name, "ports"), service.Name, port.Published, port.Protocol, use))
		}
	}
	return problems
}

// envFiles refuses env_file wherever it stands, anchors included, as stackctl
// does: loading would put what the file holds on this machine in clear into the
// stack file, and the managers do not have it.
func envFiles(path string, node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode && node.Value == "env_file" {
		return fmt.Errorf("%s:%d: env_file names a file that the managers do not have; write it as environment, and what is secret in it as a secret", path, node.Line)
	}
	var problems []error
	for _, child := range node.Content {
		if err := envFiles(path, child); err != nil {
			problems = append(problems, err)
		}
	}
	return join(problems)
}

// checkMounts refuses paths that mean something on this machine only: the
// loader has made every relative one absolute.
func (f *File) checkMounts(service types.ServiceConfig, dir string) []error {
	var problems []error
	for _, volume := range service.Volumes {
		place := f.at("services", service.Name, "volumes")
		if volume.Type == "bind" {
			if below, err := filepath.Rel(dir, volume.Source); err == nil && !strings.HasPrefix(below, "..") {
				problems = append(problems, fmt.Errorf("%s: service %q mounts %s, a path relative to the stack file, which the nodes do not have", place, service.Name, volume.Source))
			}
		}
		if _, ok := f.model.Volumes[volume.Source]; volume.Type == "volume" && volume.Source != "" && !ok {
			problems = append(problems, fmt.Errorf("%s: service %q mounts the volume %q, which the file does not define", place, service.Name, volume.Source))
		}
	}
	return problems
}

// ports returns the TCP ports that each service publishes, in the file's order.
func (f *File) ports() map[string][]int {
	published := map[string][]int{}
	for _, service := range f.model.Services {
		for _, port := range service.Ports {
			if port.Published != 0 && port.Protocol == "tcp" {
				published[service.Name] = append(published[service.Name], int(port.Published))
			}
		}
	}
	return published
}

func (f *File) at(path ...string) position { return f.where.at(f.name, path...) }

func (f *File) has(service string) bool {
	return slices.ContainsFunc(f.model.Services, func(s types.ServiceConfig) bool { return s.Name == service })
}

func (f *File) serviceNames() string {
	var names []string
	for _, service := range f.model.Services {
		names = append(names, service.Name)
	}
	return strings.Join(names, ", ")
}

// asFiles lets secrets and configs, the same thing by two types, be read alike.
func asFiles[T types.SecretConfig | types.ConfigObjConfig](objects map[string]T) map[string]types.FileObjectConfig {
	files := map[string]types.FileObjectConfig{}
	for name, object := range objects {
		files[name] = types.FileObjectConfig(object)
	}
	return files
}
