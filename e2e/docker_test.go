package e2e

import (
	"context"
	"net"
	"testing"

	"github.com/docker/cli/cli/connhelper/commandconn"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"
)

// nodeDocker is a client of the first manager's engine, with the API version that stackctl
// uses.
func nodeDocker(t *testing.T) *client.Client {
	t.Helper()
	docker, err := client.NewClientWithOpts(client.WithHost("http://aver-manager"), client.WithVersion("1.45"),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return commandconn.New(ctx, "env", "--chdir="+box.project, box.binary, "--name", sandboxName, "--network", sandboxNetwork,
				"exec", "aver-manager", "--", "docker", "system", "dial-stdio")
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	return docker
}

// fillIDs puts the ids of secrets and configs into a spec, as stackctl does.
func fillIDs(t *testing.T, docker *client.Client, spec *swarm.ContainerSpec) {
	t.Helper()
	for _, reference := range spec.Secrets {
		secret, _, err := docker.SecretInspectWithRaw(t.Context(), reference.SecretName)
		if err != nil {
			t.Fatal(err)
		}
		reference.SecretID = secret.ID
	}
	for _, reference := range spec.Configs {
		config, _, err := docker.ConfigInspectWithRaw(t.Context(), reference.ConfigName)
		if err != nil {
			t.Fatal(err)
		}
		reference.ConfigID = config.ID
	}
}

// networkNames are the names of all networks, by id.
func networkNames(t *testing.T, docker *client.Client) map[string]string {
	t.Helper()
	networks, err := docker.NetworkList(context.Background(), network.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, n := range networks {
		names[n.ID] = n.Name
	}
	return names
}
