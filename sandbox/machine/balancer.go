package machine

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

// balancerProgram is the multiplexer's place in the nodes' image, which has the
// packet filter's and the router's tools as well.
const balancerProgram = "/usr/local/lib/averazure/balancer"

// balancerAddress is the multiplexer's own address. Those of its frontends are
// public addresses like any other.
func (r *Room) balancerAddress() string { return r.address(9) }

// Balance has the multiplexer do what the configuration says, and nothing else.
// Members without an address have none of their own; ranges of ports are settled
// here. Where nothing is to be balanced, no multiplexer runs.
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

// balancerFile keeps what the multiplexer was told, for one that is made anew.
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

// ensureBalancer makes sure that the multiplexer runs and does what it was told,
// where there is one.
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
	case found != nil: // a creation that broke off
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
			// It makes a router of itself in /proc/sys.
			MaskedPaths: []string{}, ReadonlyPaths: []string{},
			Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: r.meshVolume(), Target: meshDir, ReadOnly: true}},
		})
}

// stopBalancer removes the multiplexer; one that is not there is no error.
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
