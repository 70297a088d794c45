package release

import "github.com/docker/docker/client"

var _ Swarm = (*client.Client)(nil)
