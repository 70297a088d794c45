package hosts

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/images"
)

// createService creates a container for one of the sandbox's services. Docker starts the
// container again whenever the engine starts.
func (r *Room) createService(ctx context.Context, role, address string, config *container.Config, host *container.HostConfig) (string, error) {
	host.NetworkMode = container.NetworkMode(r.internetName())
	host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
	created, err := r.docker.ContainerCreate(ctx, config, host,
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			r.internetName(): endpointAt(address),
		}}, nil, r.containerName(role))
	return created.ID, err
}

// await repeats ask until it succeeds. After the time limit it returns the last error.
func await(ctx context.Context, limit, pause time.Duration, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", what, err)
		case <-time.After(pause):
		}
	}
}

// ensureTrusted makes sure that a service runs from the recipe's image and with a
// certificate of this authority. It replaces any other container of the service.
func (r *Room) ensureTrusted(ctx context.Context, rec images.Recipe, base images.Base, ca *authority, run func(ref string) error, await func(context.Context) error) error {
	ref, err := r.builder().Ensure(ctx, rec, base)
	if err != nil {
		return err
	}
	found, err := r.find(ctx, labelRole, rec.Kind)
	if err != nil {
		return err
	}
	if found != nil && found.Image == ref && found.Labels[labelCA] == ca.fingerprint() && found.State == container.StateRunning {
		return nil
	}
	if found != nil {
		if err := r.removeContainer(ctx, found.ID); err != nil {
			return err
		}
	}
	if err := run(ref); err != nil {
		return err
	}
	return await(ctx)
}
