package release

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

func (m *memory) NetworkList(ctx context.Context, o network.ListOptions) ([]network.Summary, error) {
	unlock, err := m.lock(ctx, "NetworkList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []network.Summary
	for _, n := range m.networks {
		if matches(o.Filters, n.Name, n.ID, n.Labels) {
			list = append(list, n)
		}
	}
	return list, nil
}

func (m *memory) NetworkCreate(ctx context.Context, name string, o network.CreateOptions) (network.CreateResponse, error) {
	unlock, err := m.lock(ctx, "NetworkCreate")
	if err != nil {
		return network.CreateResponse{}, err
	}
	defer unlock()
	if networkNamed(m.networks, name) != nil {
		return network.CreateResponse{}, errdefs.ErrAlreadyExists
	}
	id := fmt.Sprintf("network-%d", m.next().Index)
	options := map[string]string{}
	maps.Copy(options, o.Options)
	if o.Driver == defaultDriver {
		options[vxlans] = "4097"
	}
	addresses := network.IPAM{Driver: defaultIPAM, Config: []network.IPAMConfig{{Subnet: "10.0.1.0/24", Gateway: "10.0.1.1"}}}
	if o.IPAM != nil {
		addresses.Driver = cmp.Or(o.IPAM.Driver, defaultIPAM)
		for i, config := range o.IPAM.Config {
			addresses.Config = append(addresses.Config[:i], network.IPAMConfig{Subnet: config.Subnet, Gateway: "10.9.0.1"})
		}
	}
	m.networks = append(m.networks, network.Summary{ID: id, Name: name, Driver: o.Driver, Scope: "swarm", Labels: o.Labels,
		IPAM: addresses, Options: options, Internal: o.Internal, Attachable: o.Attachable})
	return network.CreateResponse{ID: id}, m.answer("NetworkCreate")
}

func (m *memory) NetworkRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "NetworkRemove")
	if err != nil {
		return err
	}
	defer unlock()
	for _, s := range m.services {
		if slices.ContainsFunc(s.Spec.TaskTemplate.Networks, func(n swarm.NetworkAttachmentConfig) bool { return n.Target == id }) {
			return fmt.Errorf("network %s is in use by service %s: %w", id, s.ID, errdefs.ErrFailedPrecondition)
		}
	}
	m.networks = slices.DeleteFunc(m.networks, func(n network.Summary) bool { return n.ID == id })
	return m.answer("NetworkRemove")
}
