package hosts

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"averazure/sandbox/fabric"
	"averazure/sandbox/images"
)

// uplinkFile is the script in a VM that sets up its virtual switch.
const uplinkFile = "/etc/averazure/uplink"

// Connect changes a VM's connection to the internet: its public address, if any, and what
// load balancers forward to it.
func (r *Room) Connect(ctx context.Context, vm VM) error {
	found, err := r.find(ctx, labelVM, vm.ID)
	if err != nil || found == nil {
		return err
	}
	if err := r.connect(ctx, *found, vm); err != nil {
		return fmt.Errorf("connect %s: %w", vm.Name, err)
	}
	return nil
}

func (r *Room) connect(ctx context.Context, node container.Summary, vm VM) error {
	link, err := r.uplink(ctx, vm)
	if err != nil {
		return err
	}
	has := ""
	if endpoint := node.NetworkSettings.Networks[r.internetName()]; endpoint != nil {
		has = endpoint.IPAddress
		if has == "" && endpoint.IPAMConfig != nil {
			has = endpoint.IPAMConfig.IPv4Address // of a stopped VM
		}
	}
	if has != "" && has != link.Address {
		if err := r.docker.NetworkDisconnect(ctx, r.internetName(), node.ID, true); err != nil {
			return err
		}
	}
	if link.Address != "" && has != link.Address {
		if err := r.docker.NetworkConnect(ctx, r.internetName(), node.ID, endpointAt(link.Address)); err != nil {
			return err
		}
	}
	return r.setSwitch(ctx, node, link)
}

// setSwitch installs the switch's script and runs it if the VM runs.
func (r *Room) setSwitch(ctx context.Context, node container.Summary, link fabric.Uplink) error {
	content, err := images.Tar(map[string][]byte{uplinkFile: []byte(link.Script())}, nil)
	if err != nil {
		return err
	}
	if err := r.docker.CopyToContainer(ctx, node.ID, "/", content, container.CopyToContainerOptions{}); err != nil {
		return err
	}
	if node.State != container.StateRunning {
		return nil // runs at boot
	}
	var out bytes.Buffer
	status, err := r.execContainer(ctx, node.ID, []string{"sh", uplinkFile}, nil, &out, &out)
	if err == nil && status != 0 {
		err = fmt.Errorf("set up its switch: %s", strings.TrimSpace(out.String()))
	}
	return err
}

// uplink determines a VM's addresses and ports. A VM behind a balancer without a public
// address gets a hidden one.
func (r *Room) uplink(ctx context.Context, vm VM) (fabric.Uplink, error) {
	link := fabric.Uplink{
		Private: vm.PrivateIP, Network: vm.NetworkCIDR, Address: vm.PublicIP,
		Forwards: vm.Forwards, Balancer: r.balancerAddress(),
	}
	if link.Address != "" || len(vm.Forwards) == 0 && vm.Outbound == nil {
		return link, r.forget(ctx, vm.ID)
	}
	var err error
	if link.Address, err = r.hiddenAddress(ctx, vm.ID); err != nil {
		return link, err
	}
	link.Hidden = true
	if vm.Outbound != nil {
		link.Outbound = vm.Outbound.Protocol
	}
	return link, nil
}

func (r *Room) hiddenAddress(ctx context.Context, vmID string) (string, error) {
	return r.AllocatePublicIP(ctx, "hidden/"+vmID)
}

// forget releases the hidden address and the port range that a VM had behind a balancer.
func (r *Room) forget(ctx context.Context, vmID string) error {
	if err := r.ReleasePublicIP(ctx, "hidden/"+vmID); err != nil {
		return err
	}
	return r.slots(func(held map[string]int) error {
		delete(held, vmID)
		return nil
	})
}

// usualPorts is the default number of outbound ports for each VM, for a pool of up to 50.
// https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections#preallocatedports
const usualPorts = 1024

// settlePorts gives a VM a range of a frontend's ports and keeps it while the VM is
// behind the balancer. It starts from the highest ports, away from those that rules
// forward.
func (r *Room) settlePorts(o fabric.Outbound, vmID string) (fabric.Outbound, error) {
	ports := o.Ports
	if ports == 0 {
		ports = usualPorts
	}
	err := r.slots(func(held map[string]int) error {
		slot, has := held[vmID]
		if !has {
			slot = freeSlot(held)
			held[vmID] = slot
		}
		low := 65536 - (slot+1)*ports
		if low < 1024 {
			return fmt.Errorf("%s has no outbound ports left for another VM", o.Frontend)
		}
		o.From, o.To = uint16(low), uint16(low+ports-1)
		return nil
	})
	return o, err
}

func freeSlot(held map[string]int) int {
	taken := slices.Collect(maps.Values(held))
	slot := 0
	for slices.Contains(taken, slot) {
		slot++
	}
	return slot
}

// slots changes the record of port ranges and their holders.
func (r *Room) slots(change func(map[string]int) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	file := filepath.Join(r.StateDir, "ports.json")
	held := map[string]int{}
	if err := readJSON(file, &held); err != nil {
		return err
	}
	if err := change(held); err != nil {
		return err
	}
	return writeJSON(file, held)
}
