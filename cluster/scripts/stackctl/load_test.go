package stackctl

import (
	"io"

	"github.com/docker/cli/cli/compose/loader"
	composetypes "github.com/docker/cli/cli/compose/types"
	"github.com/docker/docker/api/types/swarm"
)

// load reads a stack file with Docker's own loader.
func load(from io.Reader) (*composetypes.Config, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	parsed, err := loader.ParseYAML(text)
	if err != nil {
		return nil, err
	}
	return loader.Load(composetypes.ConfigDetails{
		WorkingDir: "/", ConfigFiles: []composetypes.ConfigFile{{Config: parsed}}, Environment: map[string]string{},
	})
}

// convert makes of a service what these tests look at.
func convert(stack string, service composetypes.ServiceConfig, config *composetypes.Config) swarm.ServiceSpec {
	container := &swarm.ContainerSpec{Image: service.Image, Command: service.Entrypoint, Args: service.Command}
	for key, value := range service.Environment {
		container.Env = append(container.Env, key+"="+*value)
	}
	for _, secret := range service.Secrets {
		name := config.Secrets[secret.Source].Name
		container.Secrets = append(container.Secrets, &swarm.SecretReference{
			SecretName: name, SecretID: name, File: &swarm.SecretReferenceFileTarget{Name: secret.Source},
		})
	}
	replicas := uint64(1)
	if service.Deploy.Replicas != nil {
		replicas = uint64(*service.Deploy.Replicas)
	}
	return swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: stack + "_" + service.Name, Labels: map[string]string{"com.docker.stack.namespace": stack}},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: container},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
	}
}
