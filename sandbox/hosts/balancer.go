package hosts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"averazure/sandbox/fabric"
)

// balancerProgram is the load balancer's program in the nodes' image. That image also has
// the packet filter's and the router's tools.
const balancerProgram = "/usr/local/lib/averazure/balancer"

// balancerAddress is the load balancer's own address. Its frontends have public
// addresses.
func (r *Room) balancerAddress() string { return r.address(9) }

// Balance applies the configuration to the load balancer. It fills in the addresses of
// members without a public address, and the port ranges. Without rules no load balancer
// runs.
func (r *Room) Balance(ctx context.Context, config fabric.Config) error {
	if len(config.Listeners)+len(config.Outbound) == 0 {
		return r.stopBalancer(ctx)
	}
	settled, err := r.settle(ctx, config)
	if err != nil {
		return err
	}
	if err := writeJSON(r.balancerFile(), settled); err != nil {
		return err
	}
	if err := r.ensureBalancer(ctx); err != nil {
		return fmt.Errorf("load balancer: %w", err)
	}
	return nil
}

// balancerFile keeps the configuration for a load balancer that is created again.
func (r *Room) balancerFile() string { return filepath.Join(r.StateDir, "balancer.json") }

// settle fills in the addresses and ports of the members.
func (r *Room) settle(ctx context.Context, config fabric.Config) (fabric.Config, error) {
	config.Listeners, config.Outbound = slices.Clone(config.Listeners), slices.Clone(config.Outbound)
	address := func(m *fabric.Member) (err error) {
		if m.Address == "" {
			m.Address, err = r.hiddenAddress(ctx, m.ID)
		}
		return err
	}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		l.Members = slices.Clone(l.Members)
		for j := range l.Members {
			if err := address(&l.Members[j]); err != nil {
				return config, err
			}
		}
	}
	for i := range config.Outbound {
		o := &config.Outbound[i]
		settled, err := r.settlePorts(*o, o.ID)
		if err == nil {
			err = address(&settled.Member)
		}
		if err != nil {
			return config, err
		}
		*o = settled
	}
	return config, nil
}

// ensureBalancer makes sure that a configured load balancer runs with its configuration.
func (r *Room) ensureBalancer(ctx context.Context) error {
	config, err := os.ReadFile(r.balancerFile())
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := r.find(ctx, labelRole, "balancer")
	if err != nil {
		return err
	}
	id := ""
	switch {
	case found != nil && found.State != container.StateCreated:
		id = found.ID
	case found != nil: // an interrupted creation
		err = r.removeContainer(ctx, found.ID)
	}
	if err == nil && id == "" {
		id, err = r.createBalancer(ctx)
	}
	if err == nil {
		err = r.docker.ContainerStart(ctx, id, container.StartOptions{})
	}
	if err != nil {
		return err
	}
	var out bytes.Buffer
	status, err := r.execContainer(ctx, id, []string{balancerProgram, "load"}, bytes.NewReader(config), nil, &out)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s\n%s", strings.TrimSpace(out.String()), r.containerLog(id))
	}
	return err
}

func (r *Room) createBalancer(ctx context.Context) (string, error) {
	ref, err := r.nodeImage(ctx)
	if err != nil {
		return "", err
	}
	return r.createService(ctx, "balancer", r.balancerAddress(),
		&container.Config{
			Image: ref, Labels: r.labels("balancer"), Hostname: "balancer",
			Entrypoint: []string{balancerProgram, "serve"}, StopSignal: "SIGTERM",
		},
		&container.HostConfig{
			CapAdd:      []string{"NET_ADMIN", "NET_RAW"},
			SecurityOpt: []string{"seccomp=unconfined", "apparmor=unconfined"},
			// It changes /proc/sys to route packets.
			MaskedPaths: []string{}, ReadonlyPaths: []string{},
			Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: r.meshVolume(), Target: meshDir, ReadOnly: true}},
		})
}

// stopBalancer removes the load balancer, if there is one.
func (r *Room) stopBalancer(ctx context.Context) error {
	if err := os.RemoveAll(r.balancerFile()); err != nil {
		return err
	}
	found, err := r.find(ctx, labelRole, "balancer")
	if err != nil || found == nil {
		return err
	}
	return r.removeContainer(ctx, found.ID)
}
