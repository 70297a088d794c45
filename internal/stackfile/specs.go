package stackfile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/cli/cli/compose/types"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

// Specs is a stack file in the types of Docker's API, as `docker stack deploy`
// would send it to the Swarm. Secrets and configs are referred to by name; their
// ids are filled in when the specs are applied.
type Specs struct {
	// Services are the stack's services by their full names, as in aver_api.
	Services map[string]swarm.ServiceSpec `json:"services"`
	// Networks are the networks that the stack owns, by their full names.
	Networks map[string]network.CreateOptions `json:"networks,omitempty"`
	// External are the networks that exist outside of the stack, by name.
	External []string `json:"external,omitempty"`
}

// maxServiceName is Swarm's limit for the name of a service, including the name of the
// stack.
const maxServiceName = 63

// Specs converts the file for a stack. Images replaces the images of the services
// that it names; secrets maps the names of external secrets to the versioned names
// under which the Swarm holds their present values. A config that is made from a file
// has its version in its name. A secret that is made from a file does not: only a manager
// knows its version.
//
// The same input gives the same specs, in the form in which they come back from
// JSON, and nothing in them is shared with the file.
func (f *File) Specs(stack string, images, secrets map[string]string) (Specs, error) {
	if err := CheckStackName(stack); err != nil {
		return Specs{}, err
	}
	model := f.copy()
	if err := f.setImages(model, images); err != nil {
		return Specs{}, err
	}
	for _, service := range model.Services {
		if len(stack)+1+len(service.Name) > maxServiceName {
			return Specs{}, fmt.Errorf("%s: %s_%s is longer than the %d characters that a service's name may have", f.places.at("services", service.Name), stack, service.Name, maxServiceName)
		}
	}
	namespace := convert.NewNamespace(stack)
	if err := f.checkContents(namespace); err != nil {
		return Specs{}, err
	}
	for key, config := range model.Configs {
		if !config.External.External {
			config.Name = f.config(namespace, key, types.FileObjectConfig(config)).Name
			model.Configs[key] = config
		}
	}
	for key, secret := range model.Secrets {
		if versioned, ok := secrets[secret.Name]; ok {
			secret.Name = versioned
			model.Secrets[key] = secret
		}
	}
	return f.convert(stack, model)
}

func (f *File) setImages(model *types.Config, images map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(images)) {
		if !f.Has(name) {
			return fmt.Errorf("%s: there is no service %q, only %s", f.input.Files[0].Name, name, strings.Join(f.Services(), ", "))
		}
	}
	for i, service := range model.Services {
		if image, ok := images[service.Name]; ok {
			model.Services[i].Image = image
		}
	}
	return nil
}

// Variables are the values that the file was read with.
func (f *File) Variables() map[string]string { return f.input.Variables }

// Services are the names of the file's services, sorted.
func (f *File) Services() []string {
	var names []string
	for _, service := range f.model.Services {
		names = append(names, service.Name)
	}
	return names
}

// Has tells whether the file has a service with this name.
func (f *File) Has(service string) bool { return slices.Contains(f.Services(), service) }

// Secrets are the names of the secrets that the file expects in the Swarm, without their
// versions, sorted.
func (f *File) Secrets() []string {
	var names []string
	for _, secret := range f.model.Secrets {
		if secret.External.External {
			names = append(names, secret.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Ports are the TCP ports that each service publishes, in the file's order.
func (f *File) Ports() map[string][]int {
	published := map[string][]int{}
	for _, service := range f.model.Services {
		for _, port := range service.Ports {
			if port.Published != 0 && protocol(port) == "tcp" {
				published[service.Name] = append(published[service.Name], int(port.Published))
			}
		}
	}
	return published
}

// protocol is a port's protocol in lower case; tcp if the long form does not name one.
func protocol(port types.ServicePortConfig) string {
	return cmp.Or(strings.ToLower(port.Protocol), "tcp")
}

// copy returns a copy of the model that Specs and Docker's converter may change: the
// converter writes the stack's name into the labels that it is given.
func (f *File) copy() *types.Config {
	model := *f.model
	model.Services = slices.Clone(f.model.Services)
	for i := range model.Services {
		service := &model.Services[i]
		service.Labels = maps.Clone(service.Labels)
		service.Deploy.Labels = maps.Clone(service.Deploy.Labels)
	}
	model.Secrets = maps.Clone(f.model.Secrets)
	model.Configs = maps.Clone(f.model.Configs)
	model.Networks = maps.Clone(f.model.Networks)
	for name, network := range model.Networks {
		network.Labels = maps.Clone(network.Labels)
		model.Networks[name] = network
	}
	model.Volumes = maps.Clone(f.model.Volumes)
	for name, volume := range model.Volumes {
		volume.Labels = maps.Clone(volume.Labels)
		model.Volumes[name] = volume
	}
	return &model
}
