package main

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// containers are this manager's containers.
type containers struct{ *client.Client }

// Create makes a container that never runs, and returns its id.
func (c containers) Create(ctx context.Context, config container.Config, host container.HostConfig, name string) (string, error) {
	made, err := c.ContainerCreate(ctx, &config, &host, nil, nil, name)
	return made.ID, err
}
