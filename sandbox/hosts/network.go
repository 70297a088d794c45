package hosts

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
)

// CreateNetwork creates a virtual network: its nodes reach only each other through it.
func (r *Room) CreateNetwork(ctx context.Context, id, cidr string) error {
	_, err := r.ensureNetwork(ctx, r.Name+"-vnet-"+shortHash(id), network.CreateOptions{
		Driver:   "bridge",
		Internal: true,
		IPAM:     &network.IPAM{Config: []network.IPAMConfig{{Subnet: cidr}}},
		Labels:   r.labels("vnet", labelNetwork, id),
	}, labelNetwork, id)
	if err != nil {
		return fmt.Errorf("create the virtual network %s: %w", cidr, err)
	}
	return nil
}

// DeleteNetwork removes a virtual network. A missing network is not an error.
func (r *Room) DeleteNetwork(ctx context.Context, id string) error {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: r.mine(labelNetwork, id)})
	if err != nil {
		return err
	}
	for _, n := range found {
		if err := r.removeNetwork(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// removeNetwork removes a network. Docker 20.10 sometimes counts an endpoint that is gone
// and refuses to remove the network; only a restart of the engine helps. Such an empty
// network stays, and a sandbox of the same name uses it again.
func (r *Room) removeNetwork(ctx context.Context, n network.Summary) error {
	refused := r.docker.NetworkRemove(ctx, n.ID)
	if refused == nil {
		return nil
	}
	if is, err := r.docker.NetworkInspect(ctx, n.ID, network.InspectOptions{}); errdefs.IsPermissionDenied(refused) && err == nil && len(is.Containers) == 0 {
		r.log("kept the empty network %s, because Docker still counts a container on it; you need not do anything: the next up uses it", n.Name)
		return nil
	}
	return fmt.Errorf("remove the network %s: %w", n.Name, refused)
}

// ensureNetwork returns the id of the network with the label, and creates it if needed.
func (r *Room) ensureNetwork(ctx context.Context, name string, opts network.CreateOptions, label ...string) (string, error) {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: r.mine(label...)})
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return found[0].ID, sameSubnet(found[0], opts.IPAM.Config[0].Subnet)
	}
	created, err := r.docker.NetworkCreate(ctx, name, opts)
	if err != nil {
		return "", fmt.Errorf("create the network %s (%s): %w%s", name, opts.IPAM.Config[0].Subnet, err, wayOut(err))
	}
	return created.ID, nil
}

// wayOut is the advice for an error that says that another network of this machine has the
// addresses. It is empty for other errors.
func wayOut(err error) string {
	if !strings.Contains(err.Error(), "Pool overlaps") {
		return ""
	}
	return "; choose other addresses: --network for the sandbox's internet, --config averazure:vnetCidr=... and averazure:subnetCidr=... for the virtual network"
}

// sameSubnet refuses an existing network with other addresses.
func sameSubnet(found network.Summary, subnet string) error {
	for _, config := range found.IPAM.Config {
		if config.Subnet != subnet {
			return fmt.Errorf("the network %s has the addresses %s, not %s; run `down` first", found.Name, config.Subnet, subnet)
		}
	}
	return nil
}

// networkID returns a virtual network's Docker id.
func (r *Room) networkID(ctx context.Context, id string) (string, error) {
	found, err := r.docker.NetworkList(ctx, network.ListOptions{Filters: r.mine(labelNetwork, id)})
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the sandbox has no virtual network %s", id)
	}
	return found[0].ID, nil
}
