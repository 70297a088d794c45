package stackfile

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/cli/cli/compose/types"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"
)

const (
	// apiVersion is the newest version that Docker on the nodes (26.1.5) speaks.
	apiVersion = "1.45"
	// networkDriver is the driver that `docker stack deploy` uses where a network names none.
	networkDriver = "overlay"
)

// convert uses docker/cli's own converter to turn a model into specs.
func (f *File) convert(stack string, model *types.Config) (Specs, error) {
	namespace := convert.NewNamespace(stack)
	specs := Specs{Services: map[string]swarm.ServiceSpec{}}
	specs.Networks, specs.External = convert.Networks(namespace, model.Networks, networksOf(model.Services))
	slices.Sort(specs.External)
	specs.External = slices.Compact(specs.External)
	for name, options := range specs.Networks {
		options.Driver = cmp.Or(options.Driver, networkDriver)
		specs.Networks[name] = options
	}
	for _, service := range model.Services {
		// One service at a time: otherwise an error would not say which service it is
		// about.
		alone := *model
		alone.Services = types.Services{service}
		var converted map[string]swarm.ServiceSpec
		err := guarded(func() (err error) {
			converted, err = convert.Services(context.Background(), namespace, &alone, lookup{})
			return err
		})
		if err != nil {
			return Specs{}, fmt.Errorf("%s: %s", f.places.at("services", service.Name), shortened(err.Error()))
		}
		spec := converted[service.Name]
		inOrder(&spec)
		specs.Services[namespace.Scope(service.Name)] = spec
	}
	return asSent(specs)
}

// networksOf are the networks that services use. Unused ones are not created.
func networksOf(services types.Services) map[string]struct{} {
	used := map[string]struct{}{}
	for _, service := range services {
		for name := range service.Networks {
			used[name] = struct{}{}
		}
		if len(service.Networks) == 0 {
			used["default"] = struct{}{}
		}
	}
	return used
}

// inOrder sorts the lists that the converter returns in the random order of a Go map.
func inOrder(spec *swarm.ServiceSpec) {
	container := spec.TaskTemplate.ContainerSpec
	slices.SortStableFunc(container.Secrets, func(a, b *swarm.SecretReference) int {
		return cmp.Or(strings.Compare(a.SecretName, b.SecretName), strings.Compare(a.File.Name, b.File.Name))
	})
	slices.SortStableFunc(container.Configs, func(a, b *swarm.ConfigReference) int {
		return cmp.Or(strings.Compare(a.ConfigName, b.ConfigName), strings.Compare(a.File.Name, b.File.Name))
	})
	slices.SortStableFunc(spec.TaskTemplate.Networks, func(a, b swarm.NetworkAttachmentConfig) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), slices.Compare(a.Aliases, b.Aliases))
	})
}

// asSent returns the specs as they reach Docker, through JSON.
func asSent(specs Specs) (Specs, error) {
	text, err := json.Marshal(specs)
	if err != nil {
		return Specs{}, fmt.Errorf("the stack file cannot be sent to Docker: %w", err)
	}
	var sent Specs
	if err := json.Unmarshal(text, &sent); err != nil {
		return Specs{}, fmt.Errorf("the stack file cannot be sent to Docker: %w", err)
	}
	return sent, nil
}

// lookup takes the Swarm's place when the converter asks for the ids of secrets and
// configs: all of them exist, and none has an id yet.
type lookup struct{ client.APIClient }

func (lookup) ClientVersion() string { return apiVersion }

func (lookup) SecretList(_ context.Context, options swarm.SecretListOptions) ([]swarm.Secret, error) {
	var found []swarm.Secret
	for _, name := range asked(options.Filters) {
		found = append(found, swarm.Secret{Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: name}}})
	}
	return found, nil
}

func (lookup) ConfigList(_ context.Context, options swarm.ConfigListOptions) ([]swarm.Config, error) {
	var found []swarm.Config
	for _, name := range asked(options.Filters) {
		found = append(found, swarm.Config{Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: name}}})
	}
	return found, nil
}

func asked(filters filters.Args) []string { return filters.Get("name") }
