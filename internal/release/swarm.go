package release

import (
	"context"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/system"
)

// Swarm is the part of Docker's API that this package needs; *client.Client implements it.
// The tests use one in memory.
type Swarm interface {
	SwarmReader
	StackWriter
	NodeWriter
	// Events is used by the agent.
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
}

// SwarmReader is what status, releases and diff need.
type SwarmReader interface {
	Info(ctx context.Context) (system.Info, error)
	NodeList(ctx context.Context, options swarm.NodeListOptions) ([]swarm.Node, error)
	ServiceList(ctx context.Context, options swarm.ServiceListOptions) ([]swarm.Service, error)
	TaskList(ctx context.Context, options swarm.TaskListOptions) ([]swarm.Task, error)
	TaskLogs(ctx context.Context, id string, options container.LogsOptions) (io.ReadCloser, error)
	NetworkList(ctx context.Context, options network.ListOptions) ([]network.Summary, error)
	NetworkInspect(ctx context.Context, id string, options network.InspectOptions) (network.Inspect, error)
	ConfigList(ctx context.Context, options swarm.ConfigListOptions) ([]swarm.Config, error)
	SecretList(ctx context.Context, options swarm.SecretListOptions) ([]swarm.Secret, error)
	DistributionInspect(ctx context.Context, image, auth string) (registry.DistributionInspect, error)
}

// StackWriter is what is needed to change a stack, and to record it.
type StackWriter interface {
	ServiceCreate(ctx context.Context, spec swarm.ServiceSpec, options swarm.ServiceCreateOptions) (swarm.ServiceCreateResponse, error)
	ServiceUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.ServiceSpec, options swarm.ServiceUpdateOptions) (swarm.ServiceUpdateResponse, error)
	ServiceRemove(ctx context.Context, id string) error

	NetworkCreate(ctx context.Context, name string, options network.CreateOptions) (network.CreateResponse, error)
	NetworkRemove(ctx context.Context, id string) error

	ConfigCreate(ctx context.Context, spec swarm.ConfigSpec) (swarm.ConfigCreateResponse, error)
	ConfigUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.ConfigSpec) error
	ConfigRemove(ctx context.Context, id string) error
	SecretCreate(ctx context.Context, spec swarm.SecretSpec) (swarm.SecretCreateResponse, error)
	SecretRemove(ctx context.Context, id string) error
}

// NodeWriter is what is needed to change nodes: healing sets them back, recover makes a
// Swarm of one manager.
type NodeWriter interface {
	NodeUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.NodeSpec) error
	NodeRemove(ctx context.Context, id string, options swarm.NodeRemoveOptions) error
	SwarmInit(ctx context.Context, request swarm.InitRequest) (string, error)
}
