package machine

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/images"
)

// createService makes a container of the sandbox's own, at an address of its internet.
// Those who restart the engine find it again.
func (r *Room) createService(ctx context.Context, role, address string, config *container.Config, host *container.HostConfig) (string, error) {
	host.NetworkMode = container.NetworkMode(r.internetName())
	host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
	created, err := r.docker.ContainerCreate(ctx, config, host,
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			r.internetName(): endpointAt(address),
		}}, nil, r.containerName(role))
	return created.ID, err
}

// await asks until there is no error, and returns the last one when the time is over.
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

// ensureTrusted makes sure that a service of the recipe's kind runs, from the image that
// the recipe makes and under this authority. Another one is removed first.
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
